//go:build unix

package beacon_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func TestFlush_ServerAnswersLate_ReturnsAfterIt(t *testing.T) {
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) })
	took, _ := run(t, proctest.OutboxDir(t), d.URL, "flush")
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.taken) != 1 || took < 300*time.Millisecond {
		t.Errorf("%d arrived when the program ended after %v", len(d.taken), took)
	}
}

func TestSend_AfterFlush_BeaconArrives(t *testing.T) {
	// With "remove", the record makes a new outbox, and the lock is looked at after that.
	for _, end := range []string{"again", "remove"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil, nil)
			run(t, proctest.OutboxDir(t), d.URL, end)
			d.wait(t, 2)
		})
	}
}

func TestFlush_ContextEnds_ErrorHasNumberThatWaits(t *testing.T) {
	outbox := proctest.OutboxDir(t)
	n := open(t, beacon.Config{Dir: outbox})
	if err := n.Send("http://127.0.0.1:1/", "x"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := n.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 beacons wait") {
		t.Error(err)
	}
	// It is pending, and a later run would deliver it.
	if s, err := spool.ReadStatus(outbox); err != nil || s.Pending != 1 {
		t.Errorf("%+v %v", s, err)
	}
}
