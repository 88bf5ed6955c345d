package table

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A world is a table beside a simple model of it, to which the same random things happen.
type world struct {
	*harness
	random *rand.Rand
	next   int // the number of the next record

	records map[int]warc.Record // all, as they came first
	rows    map[uuid.UUID]time.Time
	keys    map[int]bool
	erased  map[uuid.UUID]bool
	steps   []string
}

// TestModel_RandomOperationsAndCrashes_EachRecordIsOnce does some hundred random operations in each
// of BEACON_WORLDS worlds, 3 by default, and compares the rows with the model after each.
func TestModel_RandomOperationsAndCrashes_EachRecordIsOnce(t *testing.T) {
	worlds, err := strconv.Atoi(os.Getenv("BEACON_WORLDS"))
	if err != nil {
		worlds = 3
	}
	for range worlds {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { explore(t, seed, 100) })
	}
}

func explore(t *testing.T, seed uint64, steps int) {
	w := &world{harness: newHarness(t, Options{}), random: rand.New(rand.NewPCG(seed, 0)), records: map[int]warc.Record{}, rows: map[uuid.UUID]time.Time{}, keys: map[int]bool{}, erased: map[uuid.UUID]bool{}}
	defer func() {
		if t.Failed() {
			t.Logf("steps: %q", w.steps)
			t.Logf("log:\n%s", w.logged)
		}
	}()
	operations := []struct {
		name   string
		weight int
		do     func()
	}{
		{"put", 10, w.putSome},
		{"flush", 5, w.drain},
		{"snapshot", 3, w.query},
		{"compact", 3, func() { w.compactAll(time.Now().Add(time.Duration(w.random.IntN(60)) * time.Hour)) }},
		{"delete replaced files", 2, func() {
			if _, err := w.table.deleteObsolete(0); err != nil {
				t.Fatal(err)
			}
		}},
		{"retention", 1, w.retention},
		{"erase", 1, w.eraseSome},
		{"columns", 1, w.changeColumns},
		{"restart", 1, func() { w.reopen(w.options) }},
		{"new segment", 1, w.newSegment},
		{"crash", 2, w.crash},
		{"crash in a flush", 4, w.crashInFlush},
		{"crash between the renames of a flush", 2, func() {
			w.drain()
			w.crashBetweenRenames()
		}},
		{"crash between the renames of a merge", 2, func() {
			w.drain()
			if w.compactAll(time.Now().Add(50*time.Hour)) > 0 {
				w.crashBetweenRenames()
			}
		}},
		{"manifest damaged after a flush", 1, func() {
			w.drain()
			if info, err := os.Stat(filepath.Join(w.tableDir(), manifestName)); err == nil && w.table.changes > 1 {
				flip(t, filepath.Join(w.tableDir(), manifestName), w.random.IntN(int(info.Size())))
				w.crash()
			}
		}},
		{"check", 1, func() {
			if r := w.check(); len(r.Damaged) > 0 {
				t.Fatalf("damaged: got %v, want none", r.Damaged)
			}
		}},
	}
	w.in.KeepAtMost(0)
	total := 0
	for _, o := range operations {
		total += o.weight
	}
	for range steps {
		n := w.random.IntN(total)
		for _, o := range operations {
			if n -= o.weight; n < 0 {
				w.steps = append(w.steps, o.name)
				o.do()
				break
			}
		}
		if t.Failed() {
			return
		}
	}
	w.steps = append(w.steps, "end")
	w.drain()
	w.compare(w.harness.rows())
	w.compactAll(time.Now().Add(50 * time.Hour))
	w.compare(w.harness.rows())
}

// putSome adds records to the inbox: new ones, repeated keys and imports.
func (w *world) putSome() {
	for range 1 + w.random.IntN(6) {
		n, repeated := w.next, false
		if len(w.records) > 0 && w.random.IntN(2) == 0 {
			n, repeated = w.random.IntN(w.next), true
		}
		r := w.records[n]
		isImport := w.random.IntN(3) == 0
		if !repeated {
			w.next++
			r = w.newRecord(n, isImport)
			w.records[n] = r
		}
		isKeyed := r.Request.Header.Get("Idempotency-Key") != ""
		switch {
		case isImport:
			w.put(imported(r))
		case isKeyed || !repeated:
			w.put(r)
		default:
			continue // a record without a key comes once from the wire
		}
		if isImport || !w.keys[n] {
			for _, one := range row.Rows(&r) {
				if !isImport || !w.erased[one.ID] {
					w.rows[one.ID] = one.ReceivedAt
				}
			}
		}
		if isKeyed && time.Since(r.Date) < 48*time.Hour {
			w.keys[n] = true
		}
	}
}

func (w *world) newRecord(n int, isImport bool) warc.Record {
	r := record(n)
	if w.random.IntN(4) == 0 {
		r = batch(textRecord(n, "application/json", `[{"n":1},{"n":2},"\ud800"]`))
	}
	if w.random.IntN(2) == 0 {
		r = keyed(r)
	} else if isImport {
		r = at(r, base.AddDate(0, 0, -w.random.IntN(100)))
	}
	return r
}

// compare compares rows with the model.
func (w *world) compare(rows []stored) {
	w.Helper()
	count := map[uuid.UUID]int{}
	for _, r := range rows {
		count[r.id()]++
		want, there := w.rows[r.id()]
		if !there {
			w.Errorf("row %v: got one, want none", r.id())
		} else if at := time.UnixMicro(r["received_at"].(int64)); !at.Equal(want) {
			w.Errorf("row %v: received_at: got %v, want %v", r.id(), at, want)
		}
	}
	for id := range w.rows {
		if count[id] != 1 {
			w.Errorf("row %v: got %d, want 1", id, count[id])
		}
	}
}

// query compares a snapshot with the model.
func (w *world) query() {
	w.run()
	s := w.snapshot(timeout)
	var rows []stored
	for _, f := range s.Files {
		rows = append(rows, readFile(w, filepath.Join(w.tableDir(), f.Name))...)
	}
	w.compare(rows)
	s.Release()
	if w.random.IntN(2) == 0 {
		w.reopen(w.options)
		return
	}
	// The process ends without a flush.
	w.stop()
	w.stop = nil
	w.crash()
}

// retention deletes what is older than some days. No record is within 12 h of the limit.
func (w *world) retention() {
	w.drain()
	cut := base.Add(12*time.Hour).AddDate(0, 0, -3-w.random.IntN(100))
	w.table.options.MaxAge = time.Since(cut)
	w.retain(time.Now())
	w.table.options.MaxAge = 0
	for id, at := range w.rows {
		if at.Before(cut) {
			delete(w.rows, id)
		}
	}
	w.compare(w.harness.rows())
	// The manifest before has the deleted rows.
	if err := w.table.change(func(*manifest) {}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) eraseSome() {
	w.run()
	w.flush()
	var ids []uuid.UUID
	for id := range w.rows {
		if len(ids) < 3 {
			ids = append(ids, id)
			delete(w.rows, id)
			w.erased[id] = true
		}
	}
	if _, err := w.table.Erase(context.Background(), w.in, ids); err != nil {
		w.Fatal(err)
	}
	w.reopen(w.options)
	w.compare(w.harness.rows())
}

func (w *world) changeColumns() {
	all := []Column{{"value", "double", "$.value", ""}, {"name", "varchar", "$.name", ""}, {"n", "bigint", "$.n", ""}}
	w.reopen(Options{Columns: all[:w.random.IntN(4)]})
}

func (w *world) newSegment() {
	if err := w.in.Close(); err != nil {
		w.Fatal(err)
	}
	w.openInbox()
	w.in.KeepAtMost(0)
}

// crashInFlush does the first steps of a flush and abandons it.
func (w *world) crashInFlush() {
	f := w.writer()
	defer f.reader.Close()
	if _, err := f.read(context.Background()); err != nil {
		w.Fatal(err)
	}
	steps := []func() error{
		f.resolveLookUps,
		w.table.keys.Sync,
		func() error {
			_, err := f.writeFiles(time.Now())
			return err
		},
		func() error {
			return os.WriteFile(filepath.Join(w.tableDir(), manifestName+".new"), []byte("half"), 0o600)
		},
	}
	for _, step := range steps[:w.random.IntN(len(steps)+1)] {
		if err := step(); err != nil {
			w.Fatal(err)
		}
	}
	w.crash()
}

// crashBetweenRenames makes the folder as it is when a change has renamed the old manifest, and not
// the new one.
func (w *world) crashBetweenRenames() {
	path := filepath.Join(w.tableDir(), manifestName)
	if err := os.Rename(path, path+".new"); err != nil && !os.IsNotExist(err) {
		w.Fatal(err)
	}
	w.crash()
}
