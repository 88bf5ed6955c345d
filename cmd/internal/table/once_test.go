package table

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestOnce_KeyRepeated_IsOneRow(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(keyed(record(1)), keyed(record(2)), keyed(record(1)))
	h.putAndFlush(keyed(record(2)), keyed(record(3)))
	h.reopen(Options{})
	h.putAndFlush(keyed(record(3)), keyed(record(1)), keyed(record(4)))
	h.wantIDs(1, 2, 3, 4)
}

func TestOnce_KeyRepeatedAfterTheWindow_IsTwoRows(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(at(keyed(record(1)), base.Add(-60*time.Hour)))
	h.putAndFlush(at(keyed(record(1)), base.Add(-13*time.Hour)))
	h.wantIDs(1)
	h.putAndFlush(at(keyed(record(1)), base))
	h.wantIDs(1, 1)
}

func TestOnce_NoKey_RepeatedIDIsTwoRows(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(record(1), record(1))
	h.wantIDs(1, 1)
}

// again returns a record with the field of one that a log may have twice.
func again(r warc.Record) warc.Record {
	r.Extra = append(r.Extra, warc.Field{Name: row.AgainField, Value: "yes"})
	return r
}

func TestOnce_ComesAgainFromALog_IsOneRow(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(record(1), again(record(2)))
	h.putAndFlush(again(record(1)), again(record(2)), again(record(3)), again(record(3)))
	h.put(record(4))
	h.putAndFlush(again(record(4)))
	h.wantIDs(1, 2, 3, 4)
}

func TestOnce_KeyComesAgainFromALogOnTheNextDay_IsOneRow(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(at(keyed(record(1)), base.Add(-20*time.Hour)), at(keyed(record(2)), base.Add(-20*time.Hour)))
	h.putAndFlush(again(at(keyed(record(1)), base)), at(keyed(record(2)), base))
	h.wantIDs(1, 2)
}

// crashBeforeManifest reads the inbox, syncs the keys, and crashes before it writes rows.
func (h *harness) crashBeforeManifest() {
	h.Helper()
	w := h.writer()
	if _, err := w.read(context.Background()); err != nil {
		h.Fatal(err)
	}
	if err := h.table.keys.Sync(); err != nil {
		h.Fatal(err)
	}
	w.reader.Close()
	h.crash()
}

// TestOnce_CrashBetweenKeysAndManifest_RowIsKept reads keyed records again whose keys are stored
// already, because the flush ended before its manifest.
func TestOnce_CrashBetweenKeysAndManifest_RowIsKept(t *testing.T) {
	h := newHarness(t, Options{})
	h.put(keyed(record(1)), keyed(batch(textRecord(2, "application/json", `[1,2]`))), keyed(record(1)))
	h.crashBeforeManifest()
	h.drain()
	if rows := h.rows(); len(rows) != 3 {
		t.Errorf("rows: got %d, want 3", len(rows))
	}
}

func TestOnce_KeysDamaged_AreWrittenAnewFromTheTable(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprintf("running=%v", running), func(t *testing.T) {
			h := newHarness(t, Options{})
			h.putAndFlush(keyed(record(1)), keyed(batch(textRecord(2, "application/json", `[1,2]`))), keyed(record(3)))
			if running {
				h.table.keys.Close() // each use fails from now on
				h.table.keys = nil
				h.run()
			} else {
				if err := h.table.Close(); err != nil {
					t.Fatal(err)
				}
				entries, err := os.ReadDir(filepath.Join(h.tableDir(), keysDir))
				if err != nil || len(entries) == 0 {
					t.Fatal(entries, err)
				}
				for _, e := range entries {
					if err := os.WriteFile(filepath.Join(h.tableDir(), keysDir, e.Name()), []byte(strings.Repeat("damage", 100)), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				h.openTable()
			}
			h.putAndFlush(keyed(record(3)), keyed(batch(textRecord(2, "application/json", `[1,2]`))), keyed(record(1)), keyed(record(4)))
			h.halt()
			if rows := h.rows(); len(rows) != 5 {
				t.Errorf("rows: got %d, want 5", len(rows))
			}
		})
	}
}

func TestImport_RecordsOfTheTable_AddNothing(t *testing.T) {
	h := newHarness(t, Options{})
	var originals, imports []warc.Record
	for n := range 200 {
		r := at(record(n), base.AddDate(0, 0, -n))
		if n%3 == 0 {
			r = batch(textRecord(n, "application/json", `[1,2,3]`))
		}
		originals, imports = append(originals, r), append(imports, imported(r))
	}
	h.putAndFlush(originals...)
	want := len(h.rows())
	h.putAndFlush(imports...)
	h.compactAll(time.Now())
	h.putAndFlush(imports...)
	if got := len(h.rows()); got != want {
		t.Errorf("rows: got %d, want %d", got, want)
	}
}

func TestImport_Pending_IsOneRow(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	h.put(record(1), imported(record(1)), imported(record(2)), imported(record(2)))
	if s := h.snapshot(timeout); s.Rows() != 2 {
		t.Errorf("rows with the tail: got %d, want 2", s.Rows())
	} else {
		s.Release()
	}
	h.put(imported(record(1)), imported(record(2)), imported(record(3)))
	h.flush()
	h.wantIDs(1, 2, 3)
}

func TestImport_WithKey_LaterBeaconIsNotASecondRow(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(imported(keyed(record(1))))
	h.putAndFlush(keyed(record(1)), imported(keyed(record(1))))
	h.wantIDs(1)
}

// TestImport_CrashBeforeTheManifest_IsOneRow reads imported records again whose keys are stored.
func TestImport_CrashBeforeTheManifest_IsOneRow(t *testing.T) {
	h := newHarness(t, Options{})
	h.put(imported(keyed(record(1))), imported(record(2)))
	h.crashBeforeManifest()
	h.drain()
	h.wantIDs(1, 2)
}
