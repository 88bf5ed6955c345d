package deliver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func TestRunEndsWhenIdleAndWhenStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = status(204)
		began := time.Now()
		if left := o.run(t.Context()); left || time.Since(began) > 2*time.Second {
			t.Errorf("idle: left %v after %v", left, time.Since(began))
		}
		o.answer = func(n int, _ fetch.Request) (fetch.Response, error) { return fetch.Response{}, errors.New("no route") }
		o.send("http://a/", "x")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began = time.Now()
		if left := o.run(ctx); !left || time.Since(began) != 3*time.Second {
			t.Errorf("stopped: left %v after %v", left, time.Since(began))
		}
	})
}

func TestBeaconsOfOtherProcessesAreFoundWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.d.Idle = 5 * time.Second
		o.answer = status(204)
		go func() {
			time.Sleep(3 * time.Second)
			o.send("http://a/", "late")
		}()
		o.run(t.Context())
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != 1 || o.attempts[0].at > 3*time.Second+2*pollMax {
			t.Errorf("%+v at %v", s, o.attempts)
		}
	})
}

// TestDrainLooksOnceMore has a beacon come after the deliverer's last look, whose sender finds
// the lock held.
func TestDrainLooksOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.d.Idle = time.Nanosecond
		o.answer = func(n int, _ fetch.Request) (fetch.Response, error) {
			if n == 1 {
				time.Sleep(pollMin / 2)
				o.send("http://a/", "late")
				if lock, _ := o.box.TryLock(); lock != nil {
					t.Error("the lock was free")
				}
			}
			return fetch.Response{Status: 204}, nil
		}
		o.send("http://a/", "first")
		lock, err := o.box.TryLock()
		if err != nil || lock == nil {
			t.Fatal(err)
		}
		left, err := Drain(t.Context(), o.box, lock, o.d)
		if s := o.outcomes(); left || err != nil || s.Outcomes[spool.Delivered] != 2 || s.Pending != 0 {
			t.Errorf("%+v, left %v, %v", s, left, err)
		}
	})
}
