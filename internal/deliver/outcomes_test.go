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
		ledger := strings.TrimSuffix(o.segment(), ".warc") + ".done"
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

func TestALedgerThatCantBeWrittenHoldsUpNoOtherSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = status(204)
		o.send("http://a/", "its outcome has no place")
		o.box.Close()
		ledger := strings.TrimSuffix(o.segment(), ".warc") + ".done"
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

func TestABeaconThatIsDamagedWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = func(int, fetch.Request) (fetch.Response, error) {
			text, _ := os.ReadFile(o.segment())
			os.WriteFile(o.segment(), bytes.Replace(text, []byte("hello"), []byte("hullo"), 1), 0o600)
			return fetch.Response{Status: 503}, nil
		}
		o.send("http://a/", "hello")
		left := o.run(t.Context())
		if s := o.outcomes(); left || s.Outcomes[spool.Corrupt] != 1 || s.Pending != 0 || s.DeadFiles != 1 || len(o.attempts) != 1 {
			t.Errorf("%+v after %d attempts", s, len(o.attempts))
		}
	})
}

func TestWhatWasCutOffUnderAWaitingBeaconIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.send("http://a/", "first")
		o.send("http://a/", "second")
		o.answer = func(int, fetch.Request) (fetch.Response, error) {
			os.Truncate(o.segment(), 10)
			return fetch.Response{Status: 503}, nil
		}
		left := o.run(t.Context())
		waiting, err := o.box.Waiting()
		if s := o.outcomes(); left || err != nil || waiting != 0 || s.Outcomes[spool.Corrupt] == 0 || s.Pending != 0 {
			t.Errorf("%+v, left %v, waiting %d %v", s, left, waiting, err)
		}
	})
}
