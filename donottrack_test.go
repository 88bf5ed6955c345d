package beacon_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

func TestSend_DoNotTrack_EarlierBeaconsArePurged(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	outbox := proctest.OutboxDir(t)
	tracked, untracked := open(t, beacon.Config{Dir: outbox, HonorDoNotTrack: true}), open(t, beacon.Config{Dir: outbox})
	for range 3 {
		if err := tracked.Send(down.URL, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := untracked.Send(down.URL, "of a program that does not honor it"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DO_NOT_TRACK", "1")
	if err := tracked.Send(down.URL, "x"); !errors.Is(err, beacon.ErrDoNotTrack) {
		t.Errorf("got %v, want ErrDoNotTrack", err)
	}
	proctest.Eventually(t, func() error {
		s, err := tracked.Status()
		if err == nil && (s.Purged != 3 || s.Pending != 1 || s.Accepted != 4 || s.Forbidden.IsZero()) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	t.Setenv("DO_NOT_TRACK", "")
	if err := tracked.Send(down.URL, "x"); err != nil {
		t.Errorf("without DO_NOT_TRACK: %v", err)
	}
	if s, err := tracked.Status(); err != nil || s.Pending != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSend_Disabled_NothingIsKept(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, c *beacon.Config){
		"by the config":      func(_ *testing.T, c *beacon.Config) { c.Disabled = true },
		"by the environment": func(t *testing.T, _ *beacon.Config) { t.Setenv("BEACON_OUTBOX", "off") },
	} {
		t.Run(name, func(t *testing.T) {
			c := beacon.Config{Dir: proctest.OutboxDir(t)}
			prepare(t, &c)
			if err := open(t, c).Send("http://127.0.0.1:1/", "x"); !errors.Is(err, beacon.ErrDisabled) {
				t.Errorf("got %v, want ErrDisabled", err)
			}
			if _, err := os.Stat(c.Dir); err == nil {
				t.Error("an outbox was made")
			}
		})
	}
}
