package deliver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An office is an outbox on disk, a deliverer, and servers that answer as the test says,
// all in the bubble's time.
type office struct {
	t   *testing.T
	box *spool.Outbox
	d   Deliverer

	mu       sync.Mutex
	attempts []attempt
	hole     string                                               // a URL whose server never answers
	answer   func(n int, q fetch.Request) (fetch.Response, error) // n counts the attempts from 1
}

type attempt struct {
	at   time.Duration
	url  string
	body string
}

func newOffice(t *testing.T) *office {
	box, err := spool.OpenOutbox(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	o := &office{t: t, box: box}
	began := time.Now()
	o.d = Deliverer{Log: slog.New(slog.DiscardHandler), Idle: time.Second, Patience: time.Hour}
	o.d.Fetch = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
		o.mu.Lock()
		o.attempts = append(o.attempts, attempt{time.Since(began), q.URL, string(q.Body)})
		n := len(o.attempts)
		o.mu.Unlock()
		if q.URL == o.hole {
			<-ctx.Done()
			return fetch.Response{}, ctx.Err()
		}
		return o.answer(n, q)
	}
	return o
}

func (o *office) send(url, body string, extra ...warc.Field) {
	r := warc.Record{
		ID: uuid.Must(uuid.NewV7()), Date: time.Now(), Target: url, Extra: extra,
		Request: warc.Request{Method: "POST", Target: "/", Proto: "HTTP/1.1", Body: []byte(body)},
	}
	b, err := r.Append(nil)
	if err == nil {
		err = o.box.Append(b, 16<<20, false)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) run(ctx context.Context) (left bool) {
	o.t.Helper()
	lock, err := o.box.TryLock()
	if err != nil || lock == nil {
		o.t.Fatalf("lock: %v", err)
	}
	if o.d.Claim, err = o.box.Claim(lock); err != nil {
		o.t.Fatal(err)
	}
	left, err = o.d.Run(ctx)
	if err != nil {
		o.t.Error(err)
	}
	if err := o.d.Claim.Release(); err != nil {
		o.t.Error(err)
	}
	return left
}

func (o *office) outcomes() spool.Status {
	o.t.Helper()
	s, err := spool.ReadStatus(o.box.Dir())
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

func status(code int) func(int, fetch.Request) (fetch.Response, error) {
	return func(int, fetch.Request) (fetch.Response, error) { return fetch.Response{Status: code}, nil }
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for code, want := range map[int]spool.Outcome{
		200: spool.Delivered, 202: spool.Delivered, 204: spool.Delivered,
		301: spool.Refused, 304: spool.Refused, 400: spool.Refused, 401: spool.Refused, 403: spool.Refused,
		404: spool.Refused, 409: spool.Refused, 410: spool.Refused, 413: spool.Refused, 422: spool.Refused,
		407: spool.Delivered, 408: spool.Delivered, 425: spool.Delivered, 429: spool.Delivered, 500: spool.Delivered,
		502: spool.Delivered, 503: spool.Delivered, 504: spool.Delivered,
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t)
			o.answer = func(n int, _ fetch.Request) (fetch.Response, error) {
				if n == 1 {
					return fetch.Response{Status: code}, nil
				}
				return fetch.Response{Status: 204}, nil
			}
			o.send("http://a/", "x")
			left := o.run(t.Context())
			attempts := 1
			if mayChange(code) {
				attempts = 2
			}
			if s := o.outcomes(); left || s.Outcomes[want] != 1 || s.Accepted() != 1 || len(o.attempts) != attempts {
				t.Errorf("%d: %+v after %d attempts", code, s, len(o.attempts))
			}
		})
	}
}

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

func TestARedirectThatDropsTheBodyIsNoDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = func(int, fetch.Request) (fetch.Response, error) {
			return fetch.Response{Status: 200, Dropped: true}, nil
		}
		o.send("http://a/", "x")
		o.run(t.Context())
		if s := o.outcomes(); s.Outcomes[spool.Refused] != 1 {
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

func TestADeadOriginHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.hole = "http://dead/"
		o.answer = status(204)
		for i := range 200 {
			o.send("http://dead/", fmt.Sprint(i))
		}
		for i := range 50 {
			o.send("http://alive/", fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		o.run(ctx)
		dead := 0
		for _, a := range o.attempts {
			if a.url == "http://dead/" {
				dead++
			} else if a.at > time.Second {
				t.Errorf("the living origin waited %v", a.at)
			}
		}
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != 50 || s.Pending != 200 {
			t.Errorf("%+v", s)
		}
		// As many as may be when nothing is known yet, then one at a time.
		if dead > unknown+10*60/30 {
			t.Errorf("%d attempts at a dead origin in ten minutes", dead)
		}
	})
}

func TestOneBeaconThatAlwaysFailsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = func(_ int, q fetch.Request) (fetch.Response, error) {
			if string(q.Body) == "poison" {
				return fetch.Response{Status: 500}, nil
			}
			return fetch.Response{Status: 204}, nil
		}
		o.send("http://a/", "poison")
		for i := range 100 {
			o.send("http://a/", fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		o.run(ctx)
		poison := 0
		for _, a := range o.attempts {
			if a.body == "poison" {
				poison++
			}
		}
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != 100 || s.Pending != 1 || poison > 20 {
			t.Errorf("%+v, and %d attempts with the poison", s, poison)
		}
	})
}

func TestABeaconExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		began := time.Now()
		o.answer = func(int, fetch.Request) (fetch.Response, error) {
			return fetch.Response{Status: 503, RetryAfter: 40 * time.Minute}, nil
		}
		o.send("http://a/", "x", warc.Field{Name: ExpiresField, Value: time.Now().Add(5 * time.Minute).UTC().Format(time.RFC3339)})
		if left := o.run(t.Context()); left {
			t.Error("left")
		}
		took := time.Since(began)
		if s := o.outcomes(); s.Outcomes[spool.Expired] != 1 || s.DeadFiles != 1 || len(o.attempts) != 1 || took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("%+v after %v and %d attempts", s, took, len(o.attempts))
		}
	})
}

func TestABoundedNumberAtATimeToOneOriginAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		now, most := 0, 0
		o.answer = func(n int, _ fetch.Request) (fetch.Response, error) {
			o.mu.Lock()
			now++
			most = max(most, now)
			o.mu.Unlock()
			time.Sleep(time.Second)
			o.mu.Lock()
			now--
			o.mu.Unlock()
			return fetch.Response{Status: 204}, nil
		}
		for i := range unknown + 4*PerOrigin {
			o.send("http://a/", fmt.Sprintf("%02d", i))
		}
		o.run(t.Context())
		if most != PerOrigin {
			t.Errorf("%d at a time", most)
		}
		// A second each, those of one second in any order.
		slices.SortStableFunc(o.attempts, func(a, b attempt) int {
			return cmp.Or(cmp.Compare(a.at.Truncate(time.Second), b.at.Truncate(time.Second)), cmp.Compare(a.body, b.body))
		})
		for i, a := range o.attempts {
			if a.body != fmt.Sprintf("%02d", i) {
				t.Fatalf("not in order: %v", o.attempts)
			}
		}
		if last := o.attempts[len(o.attempts)-1].at; last > 5*time.Second {
			t.Errorf("took %v", last)
		}
	})
}

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

func TestEachSegmentHasTheOutcomesOfItsOwnBeacons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = func(int, fetch.Request) (fetch.Response, error) {
			time.Sleep(time.Second)
			return fetch.Response{Status: 204}, nil
		}
		// Two processes send, each to a server of its own, so that theirs arrive by turns.
		other, err := spool.OpenOutbox(o.box.Dir())
		if err != nil {
			t.Fatal(err)
		}
		for _, url := range []string{"http://a/", "http://b/"} {
			for i := range 3 * PerOrigin {
				o.send(url, fmt.Sprint(i))
			}
			o.box, other = other, o.box
		}
		o.run(t.Context())
		const sent = 6 * PerOrigin
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != sent || s.Pending != 0 || len(o.attempts) != sent {
			t.Errorf("%+v after %d attempts", s, len(o.attempts))
		}
		// Once both processes are gone, so are their segments.
		other.Close()
		o.box.Close()
		o.run(t.Context())
		if left, _ := filepath.Glob(filepath.Join(o.box.Dir(), "*.warc")); len(left) > 0 {
			t.Errorf("%v is still there", left)
		}
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != sent || s.Accepted() != sent || len(o.attempts) != sent {
			t.Errorf("%+v after %d attempts", s, len(o.attempts))
		}
	})
}

// TestWhatArrivesAfterTheStop stops a deliverer whose disk does not take an outcome, and has
// the last answer come, and the disk take it, before it has ended.
func TestWhatArrivesAfterTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.send("http://a/", "first")
		o.send("http://b/", "last")
		segments, _ := filepath.Glob(filepath.Join(o.box.Dir(), "*.warc"))
		ledger := strings.TrimSuffix(segments[0], ".warc") + ".done"
		o.answer = func(_ int, q fetch.Request) (fetch.Response, error) {
			if string(q.Body) == "first" {
				os.Mkdir(ledger, 0o700) // is no file to write to
			} else {
				time.Sleep(3 * time.Second)
				os.Remove(ledger)
			}
			return fetch.Response{Status: 204}, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		o.run(ctx)
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != 2 || s.Pending != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestABeaconThatIsDamagedWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = func(int, fetch.Request) (fetch.Response, error) {
			segments, _ := filepath.Glob(filepath.Join(o.box.Dir(), "*.warc"))
			text, _ := os.ReadFile(segments[0])
			os.WriteFile(segments[0], bytes.Replace(text, []byte("hello"), []byte("hullo"), 1), 0o600)
			return fetch.Response{Status: 503}, nil
		}
		o.send("http://a/", "hello")
		left := o.run(t.Context())
		if s := o.outcomes(); left || s.Outcomes[spool.Corrupt] != 1 || s.Pending != 0 || s.DeadFiles != 1 || len(o.attempts) != 1 {
			t.Errorf("%+v after %d attempts", s, len(o.attempts))
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

func TestOriginOf(t *testing.T) {
	for href, want := range map[string]string{
		"http://a/b":                 "http://a",
		"https://u:p@a:8443/x@y?z#f": "https://a:8443",
		"http://[::1]:80?q":          "http://[::1]:80",
	} {
		if got := originOf(href); got != want {
			t.Errorf("%s: %s", href, got)
		}
	}
}

func TestALedgerThatCantBeWrittenHoldsUpNoOtherSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = status(204)
		o.send("http://a/", "its outcome has no place")
		o.box.Close()
		segments, _ := filepath.Glob(filepath.Join(o.box.Dir(), "*.warc"))
		ledger := strings.TrimSuffix(segments[0], ".warc") + ".done"
		other, err := spool.OpenOutbox(o.box.Dir())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		o.box = other
		for i := range 40 {
			o.send("http://a/", fmt.Sprint(i))
		}
		o.d.Patience = time.Minute
		answer := o.answer
		o.answer = func(n int, q fetch.Request) (fetch.Response, error) {
			os.Mkdir(ledger, 0o700) // once it was looked for and not there
			return answer(n, q)
		}
		o.run(t.Context())
		os.Remove(ledger)
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != 40 || s.Pending != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWhatWasCutOffUnderAWaitingBeaconIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.send("http://a/", "first")
		o.send("http://a/", "second")
		o.answer = func(int, fetch.Request) (fetch.Response, error) {
			segments, _ := filepath.Glob(filepath.Join(o.box.Dir(), "*.warc"))
			os.Truncate(segments[0], 10)
			return fetch.Response{Status: 503}, nil
		}
		left := o.run(t.Context())
		waiting, err := o.box.Waiting()
		if s := o.outcomes(); left || err != nil || waiting != 0 || s.Outcomes[spool.Corrupt] == 0 || s.Pending != 0 {
			t.Errorf("%+v, left %v, waiting %d %v", s, left, waiting, err)
		}
	})
}
