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

func TestRun_IdleOrStopped_Ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = status(204)
		began := time.Now()
		if left := h.run(t.Context()); left || time.Since(began) > 2*time.Second {
			t.Errorf("idle: left %v after %v", left, time.Since(began))
		}
		h.answer = func(context.Context, fetch.Request) (fetch.Response, error) {
			return fetch.Response{}, errors.New("no route")
		}
		h.send("http://a/", "x")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began = time.Now()
		if left := h.run(ctx); !left || time.Since(began) != 3*time.Second {
			t.Errorf("stopped: left %v after %v", left, time.Since(began))
		}
	})
}

func TestRun_BeaconOfAnotherProcess_IsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.d.Idle = 5 * time.Second
		h.answer = status(204)
		go func() {
			time.Sleep(3 * time.Second)
			h.send("http://a/", "late")
		}()
		h.run(t.Context())
		if s := h.status(); s.Outcomes[spool.Delivered] != 1 || h.requests[0].at > 3*time.Second+2*pollMax {
			t.Errorf("%+v at %v", s, h.requests)
		}
	})
}

// A beacon comes after the deliverer's last look, and its sender finds the lock held.
func TestDrain_BeaconAfterTheLastLook_IsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.d.Idle = time.Nanosecond
		h.answer = func(_ context.Context, _ fetch.Request) (fetch.Response, error) {
			n := h.number()
			if n == 1 {
				time.Sleep(pollMin / 2)
				h.send("http://a/", "late")
				if lock, _ := h.box.TryLock(); lock != nil {
					t.Error("the lock was free")
				}
			}
			return fetch.Response{Status: 204}, nil
		}
		h.send("http://a/", "first")
		lock, err := h.box.TryLock()
		if err != nil || lock == nil {
			t.Fatal(err)
		}
		left, err := Drain(t.Context(), h.box, lock, h.d)
		if s := h.status(); left || err != nil || s.Outcomes[spool.Delivered] != 2 || s.Pending != 0 {
			t.Errorf("%+v, left %v, %v", s, left, err)
		}
	})
}
