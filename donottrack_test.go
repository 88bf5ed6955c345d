//go:build unix

package beacon_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon"
)

func TestDoNotTrack(t *testing.T) {
	var log logged
	down := httptest.NewServer(nil)
	down.Close()
	outbox := newOutbox(t)
	config := &beacon.Config{Outbox: outbox, InProcess: true, HonorDoNotTrack: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	tracked, untracked := beacon.Navigator{Config: config}, beacon.Navigator{Config: &beacon.Config{Outbox: outbox, InProcess: true}}
	for range 3 {
		if ok, _ := tracked.SendBeacon(down.URL, "x"); !ok {
			t.Fatal("not queued")
		}
	}
	page := beacon.Navigator{Config: config, Page: &beacon.Page{URL: "http://shop.example/"}}
	if ok, _ := page.SendBeacon(down.URL, "of a page"); !ok {
		t.Fatal("not queued")
	}
	untracked.SendBeacon(down.URL, "of a program that takes no notice")
	t.Setenv("DO_NOT_TRACK", "1")
	if ok, err := tracked.SendBeacon(down.URL, "x"); ok || err != nil || !strings.Contains(log.String(), "DO_NOT_TRACK") {
		t.Errorf("%v %v %s", ok, err, log.String())
	}
	eventually(t, func() error {
		s, err := config.Status()
		if err == nil && (s.Purged != 4 || s.Pending != 1 || s.Accepted != 5 || s.Forbidden.IsZero()) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	t.Setenv("DO_NOT_TRACK", "")
	if ok, _ := tracked.SendBeacon(down.URL, "x"); !ok {
		t.Error("refused without the wish")
	}
	if s, _ := config.Status(); s.Pending != 2 {
		t.Errorf("%+v", s)
	}
	os.RemoveAll(outbox) // or every later Flush would wait for it
}

// TestDoNotTrackWhatAPageLeft kills a process with a page whose server is down. Then the user
// says no, to another process.
func TestDoNotTrackWhatAPageLeft(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	for who, end := range map[string]string{"a standby": "page killed", "the next process": "page without a standby killed"} {
		t.Run("delivered by "+who, func(t *testing.T) {
			n := beacon.Navigator{Config: &beacon.Config{Outbox: newOutbox(t), InProcess: true, HonorDoNotTrack: true}}
			run(t, n.Config.Outbox, down.URL, end)
			eventually(t, func() error {
				s, err := n.Config.Status()
				if err == nil && (s.Pending != 1 || s.Delivering != (who == "a standby")) {
					err = fmt.Errorf("it is not left to %s: %+v", who, s)
				}
				return err
			})
			t.Setenv("DO_NOT_TRACK", "1")
			if ok, err := n.SendBeacon(down.URL, "x"); ok || err != nil {
				t.Error(ok, err)
			}
			eventually(t, func() error {
				s, err := n.Config.Status()
				if err == nil && (s.Purged != 1 || s.Pending != 0) {
					err = fmt.Errorf("%+v", s)
				}
				return err
			})
		})
	}
}
