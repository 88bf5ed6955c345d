package table

import (
	"sync"
	"testing"
	"time"
)

// peak appends from many goroutines at a time, so that groups are large, until the returned function
// is called.
func (h *harness) peak() (end func()) {
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 200 {
		encoded, err := ptr(record(i)).Append(nil)
		if err != nil {
			h.Fatal(err)
		}
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := h.in.Append(encoded); err != nil {
					h.Error(err)
					return
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		close(stop)
		clients.Wait()
	})
}

func ptr[T any](v T) *T { return &v }

// awaitYield returns when the writer yields to the load.
func (h *harness) awaitYield(w *writer) {
	h.Helper()
	for began := time.Now(); !w.yields(h.Context()); {
		if time.Since(began) > timeout {
			h.Fatal("the writer does not yield at a peak")
		}
	}
}

func TestWriter_Peak_YieldsWithinBounds(t *testing.T) {
	h := newHarness(t, Options{})
	w := h.writer()
	defer w.reader.Close()
	if w.yields(t.Context()) {
		t.Fatal("without a load: the writer yields")
	}
	end := h.peak()
	defer end()
	h.awaitYield(w)

	w.peak = time.Now().Add(-yieldTime - time.Second)
	for range 20 {
		if w.yields(t.Context()) {
			t.Fatalf("after %v: the writer still yields", yieldTime)
		}
		time.Sleep(time.Millisecond) // another group
	}
	w.peak = time.Time{}
	h.awaitYield(w)
	w.peakWritten = w.in.Written() - yieldBytes - 1
	if w.yields(t.Context()) {
		t.Fatalf("after %d bytes: the writer still yields", yieldBytes)
	}
	w.peak = time.Time{}
	w.waiting = append(w.waiting, &request{until: time.Now().Add(time.Hour)})
	for range 20 {
		if w.yields(t.Context()) {
			t.Fatal("while a query waits: the writer yields")
		}
		time.Sleep(time.Millisecond) // another group
	}
	w.waiting = nil
	end()
	w.yields(t.Context()) // of the groups since the last call
	if w.yields(t.Context()) {
		t.Fatal("after the load: the writer yields")
	}
}
