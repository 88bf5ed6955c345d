//go:build unix

package beacon_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func TestFlushWaitsForTheServersAnswer(t *testing.T) {
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) })
	took, _ := run(t, newOutbox(t), d.URL, "flush")
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.taken) != 1 || took < 300*time.Millisecond {
		t.Errorf("%d arrived when the program ended after %v", len(d.taken), took)
	}
}

func TestWhatIsSentAfterAFlushLeavesToo(t *testing.T) {
	// Where the outbox was removed there is no lock to look at before the record has made
	// another.
	for _, end := range []string{"again", "remove"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil, nil)
			run(t, newOutbox(t), d.URL, end)
			d.wait(t, 2)
		})
	}
}

func TestFlushGivesUpWithItsContextAndSaysWhatIsLeft(t *testing.T) {
	outbox := newOutbox(t)
	n := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, InProcess: true}}
	if ok, err := n.SendBeacon("http://127.0.0.1:1/", "x"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := beacon.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 beacons wait") {
		t.Error(err)
	}
	// What was given up on is pending, and a later run would deliver it.
	if s, err := spool.ReadStatus(outbox); err != nil || s.Pending != 1 {
		t.Errorf("%+v %v", s, err)
	}
	os.RemoveAll(outbox) // or every later Flush would wait for it
}
