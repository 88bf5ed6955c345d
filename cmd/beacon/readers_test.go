//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/cmd/internal/script"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// readerPackages are the programs of other projects that read the table's files: Arrow's reader,
// DuckDB's wheel, and ClickHouse's engine.
var readerPackages = []string{"pyarrow==26.0.1", "duckdb==2.0.1", "chdb==4.4.0"}

// readers finds the packages, or installs them into the user's cache.
func readers(t *testing.T) (python, libs string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	proctest.Needs(t, "Python 3", err == nil)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	libs = filepath.Join(cache, "beacon-test", strings.Join(readerPackages, "-"))
	if _, err := os.Stat(libs); err != nil {
		if err := os.MkdirAll(filepath.Dir(libs), 0o700); err != nil {
			t.Fatal(err)
		}
		fresh, err := os.MkdirTemp(filepath.Dir(libs), "new-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(fresh)
		out, err := exec.Command(python, append([]string{"-m", "pip", "install", "--quiet", "--target", fresh}, readerPackages...)...).CombinedOutput()
		if err == nil {
			err = os.Rename(fresh, libs)
		}
		if err != nil {
			t.Logf("pip: %v: %s", err, out)
		}
		proctest.Needs(t, "pip, and "+strings.Join(readerPackages, ", ")+" from it", err == nil)
	}
	return python, libs
}

// TestTableFiles_OtherEnginesReadThem_SameValues compares every column while beacons come in and
// files are merged.
func TestTableFiles_OtherEnginesReadThem_SameValues(t *testing.T) {
	python, libs := readers(t)
	p := newPlace(t)
	address := freeAddress(t)
	s := p.serve(address, "--column", "client:bigint", "--column", "key:varchar", "--column", "half:double=$.x.half", "--column", "yes:boolean")
	s.post("/odd?q=1", "application/json", `{"x":{"half":0.5},"yes":true,"client":-7,"key":"\u00e9\u4e2d"}`)
	s.post("/odd", "application/octet-stream", "\xff\x00\xfe")
	s.post("/odd", "text/plain", "")
	s.post("/odd", "text/plain", strings.Repeat("long ", 50_000))
	l := startLoad(t, address)
	o := startOperator(t, p, address)
	eventually(t, "there is a load", func() bool { return l.acknowledgedNow() > 500 })
	for range 3 {
		compareReaders(t, p, s, python, libs)
	}
	l.arrived(t, s)
	o.arrived(t, s)
	compareReaders(t, p, s, python, libs)
	s.stop()
}

// compareReaders lists the files, and has the engines and the collector's own reader read them.
func compareReaders(t *testing.T, p *place, s *server, python, libs string) {
	t.Helper()
	list, errs, status := p.beacon("table", "files", "--server", s.URL)
	if status != 0 {
		t.Fatalf("table files: %s", errs)
	}
	cmd := exec.Command(python, append([]string{"testdata/readers.py"}, strings.Fields(list)...)...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+libs)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("readers.py: %v", err)
	}
	var found map[string]map[string][3]any
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	want := found["pyarrow"]
	if declared := len(script.Columns) + 4; len(want) != len(table.OwnColumns())+declared {
		t.Errorf("columns: %d, want those of every table and %d declared ones", len(want), declared)
	}
	for engine, columns := range found {
		for name, got := range columns {
			if got != want[name] {
				t.Errorf("%s, column %s: %v, want %v as pyarrow", engine, name, got, want[name])
			}
		}
		if len(columns) != len(want) {
			t.Errorf("%s: %d columns, want %d", engine, len(columns), len(want))
		}
	}
	var rows float64
	for line := range strings.Lines(mustList(t, p, s)) {
		var f struct{ Rows float64 }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		rows += f.Rows
	}
	if counted := s.query("select count(*) as n, count(distinct id) as ids, sum(client) as clients from beacons"); counted[0]["n"].(float64) < rows || want["id"][0].(float64) > rows {
		t.Errorf("a later query counts %v rows, the files that were read have %v, those listed afterwards %v", counted[0]["n"], want["id"][0], rows)
	}
	t.Logf("%d files, %v rows", len(strings.Fields(list)), fmt.Sprint(want["id"][0]))
}

func mustList(t *testing.T, p *place, s *server) string {
	t.Helper()
	list, errs, status := p.beacon("table", "files", "--json", "--server", s.URL)
	if status != 0 {
		t.Fatalf("table files: %s", errs)
	}
	return list
}
