package deliver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func TestEachSegmentHasTheOutcomesOfItsOwnBeacons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = func(context.Context, fetch.Request) (fetch.Response, error) {
			time.Sleep(time.Second)
			return fetch.Response{Status: 204}, nil
		}
		// Two processes send, each to a server of its own, so that theirs arrive by turns.
		other, err := spool.OpenOutbox(h.box.Dir())
		if err != nil {
			t.Fatal(err)
		}
		for _, url := range []string{"http://a/", "http://b/"} {
			for i := range 3 * PerOrigin {
				h.send(url, fmt.Sprint(i))
			}
			h.box, other = other, h.box
		}
		h.run(t.Context())
		const sent = 6 * PerOrigin
		if s := h.status(); s.Outcomes[spool.Delivered] != sent || s.Pending != 0 || len(h.requests) != sent {
			t.Errorf("%+v after %d attempts", s, len(h.requests))
		}
		// Once both processes are gone, so are their segments.
		other.Close()
		h.box.Close()
		h.run(t.Context())
		if left, _ := filepath.Glob(filepath.Join(h.box.Dir(), "*.warc")); len(left) > 0 {
			t.Errorf("%v is still there", left)
		}
		if s := h.status(); s.Outcomes[spool.Delivered] != sent || s.Accepted() != sent || len(h.requests) != sent {
			t.Errorf("%+v after %d attempts", s, len(h.requests))
		}
	})
}

// TestWhatArrivesAfterTheStop stops a deliverer whose disk does not take an outcome, and has
// the last answer come, and the disk take it, before it has ended.
func TestWhatArrivesAfterTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.send("http://a/", "first")
		h.send("http://b/", "last")
		ledger := strings.TrimSuffix(h.segment(), ".warc") + ".done"
		h.answer = func(_ context.Context, q fetch.Request) (fetch.Response, error) {
			if string(q.Body) == "first" {
				os.Mkdir(ledger, 0o700) // a folder can't be written to
			} else {
				time.Sleep(3 * time.Second)
				os.Remove(ledger)
			}
			return fetch.Response{Status: 204}, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		h.run(ctx)
		if s := h.status(); s.Outcomes[spool.Delivered] != 2 || s.Pending != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestALedgerThatCantBeWrittenHoldsUpNoOtherSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = status(204)
		h.send("http://a/", "its outcome has no place")
		h.box.Close()
		ledger := strings.TrimSuffix(h.segment(), ".warc") + ".done"
		other, err := spool.OpenOutbox(h.box.Dir())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		h.box = other
		for i := range 40 {
			h.send("http://a/", fmt.Sprint(i))
		}
		h.d.Patience = time.Minute
		answer := h.answer
		h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
			os.Mkdir(ledger, 0o700) // after it was looked for
			return answer(ctx, q)
		}
		h.run(t.Context())
		os.Remove(ledger)
		if s := h.status(); s.Outcomes[spool.Delivered] != 40 || s.Pending != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestABeaconThatIsDamagedWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = func(context.Context, fetch.Request) (fetch.Response, error) {
			text, _ := os.ReadFile(h.segment())
			os.WriteFile(h.segment(), bytes.Replace(text, []byte("hello"), []byte("hullo"), 1), 0o600)
			return fetch.Response{Status: 503}, nil
		}
		h.send("http://a/", "hello")
		left := h.run(t.Context())
		if s := h.status(); left || s.Outcomes[spool.Corrupt] != 1 || s.Pending != 0 || s.DeadFiles != 1 || len(h.requests) != 1 {
			t.Errorf("%+v after %d attempts", s, len(h.requests))
		}
	})
}

func TestWhatWasCutOffUnderAWaitingBeaconIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.send("http://a/", "first")
		h.send("http://a/", "second")
		h.answer = func(context.Context, fetch.Request) (fetch.Response, error) {
			os.Truncate(h.segment(), 10)
			return fetch.Response{Status: 503}, nil
		}
		left := h.run(t.Context())
		waiting, err := h.box.Waiting()
		if s := h.status(); left || err != nil || waiting != 0 || s.Outcomes[spool.Corrupt] == 0 || s.Pending != 0 {
			t.Errorf("%+v, left %v, waiting %d %v", s, left, waiting, err)
		}
	})
}
