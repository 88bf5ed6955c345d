//go:build unix

package beacon_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon"
)

func TestDoNotTrack(t *testing.T) {
	var log logged
	outbox := newOutbox(t)
	config := &beacon.Config{Outbox: outbox, InProcess: true, HonorDoNotTrack: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	tracked, untracked := beacon.Navigator{Config: config}, beacon.Navigator{Config: &beacon.Config{Outbox: outbox, InProcess: true}}
	const nobody = "http://127.0.0.1:1/"
	for range 3 {
		if ok, _ := tracked.SendBeacon(nobody, "x"); !ok {
			t.Fatal("not queued")
		}
	}
	untracked.SendBeacon(nobody, "of a program that takes no notice")
	t.Setenv("DO_NOT_TRACK", "1")
	if ok, err := tracked.SendBeacon(nobody, "x"); ok || err != nil || !strings.Contains(log.String(), "DO_NOT_TRACK") {
		t.Errorf("%v %v %s", ok, err, log.String())
	}
	eventually(t, func() error {
		s, err := config.Status()
		if err == nil && (s.Purged != 3 || s.Pending != 1 || s.Accepted != 4 || s.Forbidden.IsZero()) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	t.Setenv("DO_NOT_TRACK", "")
	if ok, _ := tracked.SendBeacon(nobody, "x"); !ok {
		t.Error("refused without the wish")
	}
	if s, _ := config.Status(); s.Pending != 2 {
		t.Errorf("%+v", s)
	}
	os.RemoveAll(outbox) // or every later Flush would wait for it
}
