package table

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// compactAll merges all that can be merged at that time.
func (h *harness) compactAll(now time.Time) (merges int) {
	h.Helper()
	if err := h.table.compact(context.Background(), func() time.Time { return now }, func(int64, int64) { merges++ }); err != nil {
		h.Fatal(err)
	}
	return merges
}

// byID are the rows by their ids.
func byID(rows []stored) map[string]stored {
	all := map[string]stored{}
	for _, r := range rows {
		all[r.id().String()] = r
	}
	return all
}

func (h *harness) wantRows(want map[string]stored) {
	h.Helper()
	rows := h.rows()
	got := byID(rows)
	if len(rows) != len(want) || len(got) != len(want) {
		h.Errorf("rows: got %d with %d ids, want %d", len(rows), len(got), len(want))
	}
	for id, w := range want {
		if g := got[id]; !maps.Equal(g, w) {
			h.Errorf("row %s:\ngot  %v\nwant %v", id, g, w)
			return
		}
	}
}

func TestCompact_SmallFiles_KeepRowsAndValues(t *testing.T) {
	h := newHarness(t, Options{Columns: []Column{{"value", "double", "$.value", ""}}})
	for i := range 20 {
		var some []warc.Record
		for n := range 37 {
			some = append(some, webVital(100*i+n), textRecord(100*i+50+n, "application/octet-stream", strings.Repeat("\xff", n*10)))
		}
		h.putAndFlush(some...)
	}
	want := byID(h.rows())
	h.compactAll(base.Add(time.Hour))
	h.wantRows(want)
	if got := h.table.Status().Files; got >= 8 {
		t.Errorf("files while the day lasts: got %d, want fewer than 8", got)
	}
	h.compactAll(time.Now().Add(50 * time.Hour))
	h.wantRows(want)
	if got := h.table.Status().Files; got != 1 {
		t.Errorf("files when the day is over: got %d, want 1", got)
	}
	if got := h.groups(); got != 1 {
		t.Errorf("row groups: got %d, want 1", got)
	}
	h.crash()
	h.wantRows(want)
}

// groups is the number of row groups in the table.
func (h *harness) groups() (n int) {
	h.Helper()
	for _, f := range h.table.manifest.Files {
		src, err := openFile(h.tableDir(), f.Name, h.table.layout)
		if err != nil {
			h.Fatal(err)
		}
		n += len(src.RowGroups())
		src.Close()
	}
	return n
}

// TestCompact_LargeGroups_AreCopied compares the compressed bytes of a column before and after.
func TestCompact_LargeGroups_AreCopied(t *testing.T) {
	h := newHarness(t, Options{})
	const rows = groupRows / copyShare
	for i := range 2 {
		for n := 0; n < rows; {
			var group []warc.Record
			for range 1024 {
				group = append(group, textRecord(i*rows+n, "application/json", fmt.Sprintf(`{"n":%d}`, n)))
				n++
			}
			h.put(group...)
		}
		h.drain()
	}
	h.putAndFlush(record(2*rows), record(2*rows+1))
	before := h.chunks("data")
	h.compactAll(time.Now().Add(50 * time.Hour))
	after := h.chunks("data")
	if len(after) != 3 || h.table.Status().Files != 1 {
		t.Fatalf("got %d row groups in %d files, want 3 in 1", len(after), h.table.Status().Files)
	}
	for _, c := range before[:2] {
		if !slices.Contains(after, c) {
			t.Errorf("a column of %d bytes is not in the merged file", len(c))
		}
	}
	h.wantIDs(span(0, 2*rows+2)...)
}

// chunks are the compressed bytes of a column in each row group.
func (h *harness) chunks(column string) (all []string) {
	h.Helper()
	for _, f := range h.table.manifest.Files {
		src, err := openFile(h.tableDir(), f.Name, h.table.layout)
		if err != nil {
			h.Fatal(err)
		}
		for _, g := range src.Metadata().RowGroups {
			for _, c := range g.Columns {
				if c.MetaData.PathInSchema[0] != column {
					continue
				}
				b := make([]byte, c.MetaData.TotalCompressedSize)
				if _, err := src.file.ReadAt(b, c.MetaData.DataPageOffset); err != nil {
					h.Fatal(err)
				}
				all = append(all, string(b))
			}
		}
		src.Close()
	}
	return all
}

func TestCompact_OtherDeclaredColumns_WritesFilesAnew(t *testing.T) {
	h := newHarness(t, Options{Columns: []Column{{"value", "double", "$.value", ""}, {"old", "varchar", "$.name", ""}}})
	var some []warc.Record
	for n := range 300 {
		some = append(some, webVital(n), textRecord(1000+n, "text/plain", "no JSON"))
	}
	h.putAndFlush(some...)
	// One is new, one dropped, one has another type, and one another path.
	columns := []Column{{"value", "varchar", "$.value", ""}, {"rating", "varchar", "$.rating", ""}, {"ttfb", "double", "$.attribution.timeToFirstByte", ""}}
	fresh := newHarness(t, Options{Columns: columns})
	fresh.putAndFlush(some...)
	want := byID(fresh.rows())
	h.reopen(Options{Columns: columns})
	h.compactAll(time.Now())
	h.wantRows(want)
	columns[1].Path = "$.navigationType"
	h.reopen(Options{Columns: columns})
	h.compactAll(time.Now())
	for _, r := range h.rows() {
		if r["kind"] == "json" && r["rating"] != "navigate" {
			t.Fatalf("rating of a column with another path: got %v, want navigate", r["rating"])
		}
	}
	if n := h.compactAll(time.Now()); n != 0 {
		t.Errorf("files that were rewritten again: got %d, want 0", n)
	}
}

func TestCompact_DamagedFile_IsLeftOut(t *testing.T) {
	h := newHarness(t, Options{})
	for n := range 9 {
		h.putAndFlush(record(n))
	}
	flip(t, filepath.Join(h.tableDir(), h.table.manifest.Files[3].Name), 100)
	h.compactAll(time.Now().Add(50 * time.Hour))
	h.wantIDs(0, 1, 2, 4, 5, 6, 7, 8)
	if d := h.table.Status().Damaged; len(d) != 1 || d[0].Rows != 1 {
		t.Errorf("damaged: got %v, want one file", d)
	}
}
