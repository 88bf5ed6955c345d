package table

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func (h *harness) snapshot(timeout time.Duration) *Snapshot {
	h.Helper()
	s, err := h.table.Snapshot(context.Background(), h.in, timeout)
	if err != nil {
		h.Fatal(err)
	}
	return s
}

func TestSnapshot_NewBeacons_AreInTails(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	if s := h.snapshot(timeout); len(s.Files) != 0 || s.Rows() != 0 || s.Behind != 0 {
		t.Errorf("empty table: got %+v", s)
	}
	const queries = maxTails + 3
	for n := range queries {
		h.put(record(n))
		began := time.Now()
		s := h.snapshot(timeout)
		if tails := n%maxTails + 1; s.Rows() != int64(n+1) || s.Tails != tails || s.Behind != 0 {
			t.Fatalf("query %d: got %d rows, %d tails, %d bytes behind, want %d rows, %d tails, 0 bytes", n, s.Rows(), s.Tails, s.Behind, n+1, tails)
		}
		rows := 0
		for _, f := range s.Files {
			rows += len(readFile(t, filepath.Join(h.tableDir(), f.Name)))
		}
		if rows != n+1 {
			t.Fatalf("query %d: got %d rows in the tails, want %d", n, rows, n+1)
		}
		if took := time.Since(began); took > wakeDelay {
			t.Logf("query %d took %v", n, took)
		}
		s.Release()
		s.Release() // has no effect
	}
	if got := h.files(); len(got) != 3 {
		t.Errorf("files after %d queries: got %v, want 3 tails", queries, got)
	}
	h.flush()
	if got := h.files(); len(got) != 1 || strings.HasPrefix(got[0], tailPrefix) {
		t.Errorf("files after a flush: got %v, want one without a tail", got)
	}
	h.wantIDs(span(0, queries)...)
}

func TestSnapshot_Held_FilesStayUntilReleased(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	for n := range 9 {
		h.putAndFlush(record(n))
	}
	h.put(record(9))
	s := h.snapshot(timeout)
	h.put(record(10))
	h.flush()
	h.compactAll(time.Now().Add(50 * time.Hour))
	if _, err := h.table.deleteObsolete(0); err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Files {
		if _, err := os.Stat(filepath.Join(h.tableDir(), f.Name)); err != nil {
			t.Errorf("a file of a snapshot: %v", err)
		}
	}
	s.Release()
	if stay, err := h.table.deleteObsolete(0); err != nil || stay != 0 {
		t.Errorf("deleteObsolete: got %d files that stay, %v, want none", stay, err)
	}
	if got := h.files(); len(got) != 1 {
		t.Errorf("files: got %v, want one", got)
	}
	if len(h.table.readers) != 0 || len(h.table.obsolete) != 0 {
		t.Errorf("readers: got %v, obsolete: got %v, want none", h.table.readers, h.table.obsolete)
	}
}

func TestSnapshot_ManyRowsPending_FlushesThem(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	var some []warc.Record
	for n := range tailRows + 1 {
		some = append(some, record(n))
	}
	h.put(some...)
	s := h.snapshot(timeout)
	defer s.Release()
	if s.Tails != 0 || s.Rows() != tailRows+1 || h.table.Status().Pending != 0 {
		t.Errorf("got %d tails and %d rows, want no tail", s.Tails, s.Rows())
	}
}

// TestSnapshot_SegmentEndsInAPartOfARecord_AnswersAtOnce has bytes at the end of the inbox that are
// not a record and never will be one.
func TestSnapshot_SegmentEndsInAPartOfARecord_AnswersAtOnce(t *testing.T) {
	h := newHarness(t, Options{})
	h.put(record(1))
	h.in.Close()
	f, err := os.OpenFile(h.segments()[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := textRecord(2, "text/plain", strings.Repeat("x", 1000))
	b, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(b[:len(b)-500])
	f.Close()
	h.openInbox()
	h.run()
	began := time.Now()
	s := h.snapshot(timeout)
	defer s.Release()
	if took := time.Since(began); s.Rows() != 1 || s.Behind != 0 || took > timeout/2 {
		t.Errorf("got %d rows and %d bytes behind after %v, want 1 row", s.Rows(), s.Behind, took)
	}
}

func TestSnapshot_WriterBehind_SaysHowMuchIsMissing(t *testing.T) {
	h := newHarness(t, Options{})
	// Flushes fail, so that the memory gets full.
	if err := os.MkdirAll(filepath.Join(h.tableDir(), manifestName+".new", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 4<<20)
	for n := range 10 {
		h.put(textRecord(n, "text/plain", large))
	}
	h.run()
	began := time.Now()
	s := h.snapshot(300 * time.Millisecond)
	defer s.Release()
	if s.Behind < 10<<20 || time.Since(began) > timeout/2 {
		t.Errorf("got %d bytes behind and %d rows after %v", s.Behind, s.Rows(), time.Since(began))
	}
	if err := os.RemoveAll(filepath.Join(h.tableDir(), manifestName+".new")); err != nil {
		t.Fatal(err)
	}
	h.flush()
	h.wantIDs(span(0, 10)...)
}

func TestSnapshot_ContextDone_ReturnsAndHoldsNothing(t *testing.T) {
	h := newHarness(t, Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := h.table.Snapshot(ctx, h.in, timeout); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a writer: got %v, want the context's error", err)
	}
	h.run()
	h.put(record(1))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			if s, err := h.table.Snapshot(ctx, h.in, timeout); err == nil {
				s.Release()
			}
		})
	}
	all.Wait()
	h.flush()
	poll(t, "the release of all files", func() bool {
		h.table.mu.Lock()
		defer h.table.mu.Unlock()
		return len(h.table.readers) == 0
	})
	h.halt()
	if _, err := h.table.Snapshot(context.Background(), h.in, timeout); !errors.Is(err, ErrStopped) {
		t.Errorf("after the end: got %v, want ErrStopped", err)
	}
}

// TestSnapshot_ManyAtOnce_SeeAllAcknowledgedBefore queries while records come, files are merged and
// the table is checked.
func TestSnapshot_ManyAtOnce_SeeAllAcknowledgedBefore(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	ctx, cancel := context.WithCancel(context.Background())
	var upkeep, queries sync.WaitGroup
	upkeep.Go(func() { h.table.Maintain(ctx, h.in) })
	upkeep.Go(func() {
		for ctx.Err() == nil {
			h.table.Check(ctx, h.in, nil)
			h.table.compact(ctx, func() time.Time { return time.Now().Add(50 * time.Hour) }, nil)
			h.table.deleteObsolete(0)
		}
	})
	var mu sync.Mutex
	acknowledged := 0
	for i := range 3 {
		queries.Go(func() {
			for n := range 40 {
				mu.Lock()
				h.put(keyed(record(100*i + n)))
				acknowledged++
				mu.Unlock()
				mu.Lock()
				least := acknowledged
				mu.Unlock()
				ask := h.table.Snapshot
				if n%5 == 4 {
					ask = h.table.Flush
				}
				s, err := ask(ctx, h.in, timeout)
				if err != nil {
					t.Error(err)
					return
				}
				rows := 0
				for _, f := range s.Files {
					rows += len(readFile(t, filepath.Join(h.tableDir(), f.Name)))
				}
				if rows < least || int64(rows) != s.Rows() {
					t.Errorf("rows: got %d in the files and %d counted, want at least %d", rows, s.Rows(), least)
				}
				s.Release()
			}
		})
	}
	queries.Wait()
	cancel()
	upkeep.Wait()
	h.halt()
	h.wantIDs(append(append(span(0, 40), span(100, 140)...), span(200, 240)...)...)
}

// TestSnapshot_FlushFailed_HasEachRowOnce has a tail with a part of the rows, which the failed flush
// sorts by day.
func TestSnapshot_FlushFailed_HasEachRowOnce(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	h.put(record(1))
	h.snapshot(timeout).Release()
	obstacle := filepath.Join(h.tableDir(), manifestName+".new", "x")
	if err := os.MkdirAll(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	h.put(at(record(2), base.AddDate(0, 0, -1)))
	if _, err := h.table.Flush(context.Background(), h.in, timeout); err == nil {
		t.Fatal("Flush: got nil, want an error")
	}
	s := h.snapshot(timeout)
	defer s.Release()
	rows := map[string]int{}
	for _, f := range s.Files {
		for _, r := range readFile(t, filepath.Join(h.tableDir(), f.Name)) {
			rows[r.id().String()]++
		}
	}
	if len(rows) != 2 || rows[idOf(1).String()] != 1 || rows[idOf(2).String()] != 1 {
		t.Errorf("rows by id: got %v, want records 1 and 2 once each", rows)
	}
	if err := os.RemoveAll(filepath.Dir(obstacle)); err != nil {
		t.Fatal(err)
	}
}
