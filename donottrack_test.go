package beacon_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/google/uuid"
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

// Drop deletes beacons also while sending is off, and delivers none.
func TestDrop_SendingIsOff_SendsNothing(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	for name, off := range map[string]func(t *testing.T) beacon.Config{
		"Disabled": func(*testing.T) beacon.Config { return beacon.Config{Disabled: true} },
		"off":      func(t *testing.T) beacon.Config { t.Setenv("BEACON_OUTBOX", "off"); return beacon.Config{} },
		"log":      func(t *testing.T) beacon.Config { t.Setenv("BEACON_OUTBOX", "log"); return beacon.Config{} },
	} {
		t.Run(name, func(t *testing.T) {
			dir := proctest.OutboxDir(t)
			sender := open(t, beacon.Config{Dir: dir})
			for range 2 {
				if err := sender.Send(down.URL, "x"); err != nil {
					t.Fatal(err)
				}
			}
			if err := sender.Close(); err != nil {
				t.Fatal(err)
			}
			c := off(t)
			c.Dir = dir
			s := open(t, c)
			for b, err := range s.Pending() {
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Drop(b.ID); err != nil {
					t.Fatal(err)
				}
				break
			}
			if status, err := s.Status(); err != nil || status.Pending != 1 || status.Dropped != 1 || status.Delivering {
				t.Errorf("got %+v, %v", status, err)
			}
			missing := beacon.Config{Dir: dir + "-missing", Disabled: true}
			if err := open(t, missing).Drop(uuid.New()); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(missing.Dir); err == nil {
				t.Error("Drop made a directory")
			}
		})
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
