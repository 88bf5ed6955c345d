package deliver

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func TestNoAnswerIsTriedAgainWithLongerAndLongerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = func(n int, _ fetch.Request) (fetch.Response, error) {
			return fetch.Response{}, errors.New("connection refused")
		}
		o.send("http://a/", "x")
		if left := o.run(t.Context()); !left {
			t.Error("nothing left after an hour without an answer")
		}
		// In an hour, at 15 s on average once the cap is reached, twice that with two
		// independent waits.
		if n := len(o.attempts); n < 100 || n > 600 {
			t.Errorf("%d attempts", n)
		}
		for i, a := range o.attempts[1:] {
			if gap, most := a.at-o.attempts[i].at, min(backoffCap, backoffBase<<min(i+1, 15)); gap > most+pollMax {
				t.Errorf("attempt %d came %v after the one before, more than %v", i+2, gap, most)
			}
		}
		if s := o.outcomes(); s.Pending != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = func(n int, _ fetch.Request) (fetch.Response, error) {
			if n == 1 {
				return fetch.Response{Status: 429, RetryAfter: 90 * time.Second}, nil
			}
			return fetch.Response{Status: 204}, nil
		}
		o.send("http://a/", "1")
		o.run(t.Context())
		if len(o.attempts) != 2 || o.attempts[1].at < 90*time.Second || o.attempts[1].at > 91*time.Second {
			t.Errorf("%v", o.attempts)
		}
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRetryAfterOutlivesAnAnswerThatWasOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		var refused atomic.Bool
		o.answer = func(_ int, q fetch.Request) (fetch.Response, error) {
			switch string(q.Body) {
			case "slow":
				time.Sleep(2 * time.Second)
			case "refused for now":
				if !refused.Swap(true) {
					return fetch.Response{Status: 429, RetryAfter: time.Minute}, nil
				}
			}
			return fetch.Response{Status: 204}, nil
		}
		o.send("http://a/", "the first to know the server")
		o.send("http://a/", "slow")
		o.send("http://a/", "refused for now")
		go func() {
			time.Sleep(3 * time.Second)
			o.send("http://a/", "new")
		}()
		o.run(t.Context())
		if len(o.attempts) != 5 {
			t.Fatalf("%v", o.attempts)
		}
		for _, a := range o.attempts[3:] {
			if a.at < time.Minute {
				t.Errorf("%s went out after %v", a.body, a.at)
			}
		}
	})
}
