package table

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
)

// A stored is a row by the names of its columns. NULLs are left out.
type stored map[string]any

func (s stored) id() uuid.UUID { return s["id"].(uuid.UUID) }

// readFile reads a Parquet file with a schema of its own.
func readFile(t testing.TB, path string) (rows []stored) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	pf, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	columns := pf.Schema().Columns()
	for _, g := range pf.RowGroups() {
		reader := g.Rows()
		buf := make([]parquet.Row, 100)
		for {
			n, err := reader.ReadRows(buf)
			for _, r := range buf[:n] {
				s := stored{}
				for _, v := range r {
					name := columns[v.Column()][0]
					switch {
					case v.IsNull():
					case v.Kind() == parquet.FixedLenByteArray:
						s[name] = uuid.UUID(v.ByteArray())
					case v.Kind() == parquet.ByteArray:
						s[name] = string(v.ByteArray())
					case v.Kind() == parquet.Int64:
						s[name] = v.Int64()
					case v.Kind() == parquet.Double:
						s[name] = v.Double()
					case v.Kind() == parquet.Boolean:
						s[name] = v.Boolean()
					}
				}
				rows = append(rows, s)
			}
			if err != nil {
				break
			}
		}
		reader.Close()
	}
	return rows
}

// rows reads all files that the manifest on disk names, and compares what it says of them.
func (h *harness) rows() (all []stored) {
	h.Helper()
	m, err := readManifest(filepath.Join(h.tableDir(), manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		h.Fatal(err)
	}
	for _, f := range m.Files {
		rows := readFile(h, filepath.Join(h.tableDir(), f.Name))
		h.compareFile(f, rows)
		all = append(all, rows...)
	}
	return all
}

// compareFile compares what the manifest says of a file with its rows and bytes.
func (h *harness) compareFile(f File, rows []stored) {
	h.Helper()
	var e extent
	for _, r := range rows {
		at := r["received_at"].(int64)
		e.add(extent{1, at, at, r.id(), r.id()})
	}
	got := extent{f.Rows, f.First.UnixMicro(), f.Last.UnixMicro(), f.MinID, f.MaxID}
	if got != e {
		h.Errorf("the manifest's description of %s: got %+v, want %+v", f.Name, got, e)
	}
	path := filepath.Join(h.tableDir(), f.Name)
	file, err := os.Open(path)
	if err != nil {
		h.Fatal(err)
	}
	defer file.Close()
	sum, err := digest(file)
	info, err2 := file.Stat()
	if err := errors.Join(err, err2); err != nil {
		h.Fatal(err)
	}
	if sum != f.SHA256 || info.Size() != f.Bytes {
		h.Errorf("%s: got checksum %s and %d bytes, want %s and %d", f.Name, f.SHA256, f.Bytes, sum, info.Size())
	}
}

// wantIDs compares the ids of all rows.
func (h *harness) wantIDs(want ...int) {
	h.Helper()
	count := map[uuid.UUID]int{}
	for _, n := range want {
		count[idOf(n)]++
	}
	for _, r := range h.rows() {
		count[r.id()]--
	}
	for id, n := range count {
		if n != 0 {
			h.Errorf("id %v: %d rows are missing (too many where negative)", id, n)
		}
	}
}

// one returns the only row with the id.
func (h *harness) one(n int) stored {
	h.Helper()
	var found stored
	count := 0
	for _, r := range h.rows() {
		if r.id() == idOf(n) {
			found = r
			count++
		}
	}
	if count != 1 {
		h.Fatalf("rows with the id of record %d: got %d, want 1", n, count)
	}
	return found
}

// footer is the size of a file's metadata.
func footer(t *testing.T, path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := len(b)
	return int(b[n-8]) | int(b[n-7])<<8 | int(b[n-6])<<16 | int(b[n-5])<<24
}
