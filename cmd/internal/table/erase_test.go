package table

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// wantGone looks for a text in all decoded rows of all Parquet files in the folder, in the inbox,
// and in all other files.
func (h *harness) wantGone(secret string) {
	h.Helper()
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasSuffix(path, fileExt) {
			for _, r := range readFile(h, path) {
				if strings.Contains(fmt.Sprint(r), secret) {
					h.Errorf("%s has the text %q", path, secret)
				}
			}
			return nil
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), secret) {
			h.Errorf("%s has the text %q", path, secret)
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
}

func TestErase_Rows_AreGoneFromEverywhereAndStayGone(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	secret := func(n int) warc.Record { return textRecord(n, "text/plain", fmt.Sprintf("the secret of %d", n)) }
	for n := range 9 {
		h.putAndFlush(record(n), secret(100+n))
	}
	h.compactAll(time.Now()) // leaves replaced files behind, which have the rows too
	inBatch := batch(textRecord(200, "application/json", `["the secret of a batch", 2]`))
	h.putAndFlush(inBatch, keyed(secret(201)), record(9))
	var ids []uuid.UUID
	for _, r := range h.rows() {
		if strings.Contains(fmt.Sprint(r["data"]), "secret") {
			ids = append(ids, r.id())
		}
	}
	if len(ids) != 11 {
		t.Fatalf("rows to erase: got %d, want 11", len(ids))
	}
	h.put(record(10)) // the newest segment has a beacon that is not in the table yet
	rows, err := h.table.Erase(context.Background(), h.in, append(ids, ids[0]))
	if err != nil || rows != 11 {
		t.Fatalf("Erase: got %d, %v, want 11", rows, err)
	}
	h.wantGone("secret of")
	want := func(rows int) {
		t.Helper()
		h.flush()
		h.wantGone("secret of")
		if got := len(h.rows()); got != rows {
			t.Errorf("rows: got %d, want %d", got, rows)
		}
	}
	want(12) // 0 to 10, and the other member of the batch
	h.put(record(11))
	again := []warc.Record{imported(inBatch), imported(secret(100)), keyed(secret(201)), imported(record(3))}
	for _, r := range again {
		h.put(r)
		s, err := h.table.Flush(context.Background(), h.in, timeout)
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	if got := len(h.rows()); got != 13 {
		t.Errorf("rows after an import of erased beacons: got %d, want 13", got)
	}
	h.reopen(Options{})
	h.run()
	h.put(again...)
	h.put(record(12))
	s, err := h.table.Flush(context.Background(), h.in, timeout)
	if err != nil {
		t.Fatal(err)
	}
	s.Release()
	if got := len(h.rows()); got != 14 {
		t.Errorf("rows after a restart and an import of erased beacons: got %d, want 14", got)
	}
}

// TestErase_QueryReadsTheFiles_WaitsForIt erases while a snapshot has a file and a tail.
func TestErase_QueryReadsTheFiles_WaitsForIt(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	h.putAndFlush(textRecord(1, "text/plain", "the secret"))
	h.put(textRecord(2, "text/plain", "the secret too"))
	s := h.snapshot(timeout)
	h.flush()
	done := make(chan error)
	go func() {
		_, err := h.table.Erase(context.Background(), h.in, []uuid.UUID{idOf(1), idOf(2)})
		done <- err
	}()
	poll(t, "the erasure of all rows", func() bool { return h.table.Status().Rows == 0 })
	select {
	case err := <-done:
		t.Fatalf("Erase returned %v while a query read the files", err)
	case <-time.After(100 * time.Millisecond):
	}
	s.Release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	h.wantGone("the secret")
}

func TestErase_NoIDs_ChangesNothing(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	h.putAndFlush(record(1))
	rows, err := h.table.Erase(context.Background(), h.in, nil)
	if rows != 0 || err != nil || len(h.table.manifest.Erasures) != 0 {
		t.Errorf("got %d, %v, %v", rows, err, h.table.manifest.Erasures)
	}
	h.wantIDs(1)
}

func TestErase_KeysWrittenAnew_RepeatedBeaconStaysGone(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	h.putAndFlush(keyed(record(1)), keyed(record(2)))
	if _, err := h.table.Erase(context.Background(), h.in, []uuid.UUID{idOf(1)}); err != nil {
		t.Fatal(err)
	}
	h.halt()
	if err := h.table.rebuildKeys(errNoKeys); err != nil {
		t.Fatal(err)
	}
	h.putAndFlush(keyed(record(1)), keyed(record(2)), keyed(record(3)))
	h.wantIDs(2, 3)
}

// TestErase_InterruptedAfterEntry_IsFinished ends the process when the ids are stored and nothing is
// deleted yet.
func TestErase_InterruptedAfterEntry_IsFinished(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	h.putAndFlush(record(1), record(2))
	if _, err := h.table.recordErasure([]uuid.UUID{idOf(1)}); err != nil {
		t.Fatal(err)
	}
	h.crash()
	h.run()
	for range 2 {
		if err := h.table.resumeErasures(context.Background(), h.in); err != nil {
			t.Fatal(err)
		}
	}
	h.wantIDs(2)
	r := h.in.Reader(spool.Cursor{})
	defer r.Close()
	if it, err := r.TryNext(); err != io.EOF {
		t.Errorf("inbox: got %v, %v, want no segment with the erased record", it.Record.ID, err)
	}
	if e := h.table.manifest.Erasures; len(e) != 1 || !e[0].Done {
		t.Errorf("erasures: got %+v, want one that is done", e)
	}
}
