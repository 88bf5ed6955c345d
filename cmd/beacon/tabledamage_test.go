//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// flip changes one bit in the middle of a file.
func flip(t *testing.T, path string, at float64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[int(float64(len(b)-1)*at)] ^= 0x10
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// postN posts n beacons and puts them into a file of the table, whose path it returns.
func (s *server) postN(stream string, n int) (file string) {
	s.p.t.Helper()
	before := s.files()
	for i := range n {
		s.post(stream, "application/json", fmt.Sprintf(`{"n":%d}`, i))
	}
	for _, f := range s.files() {
		if !strings.Contains(strings.Join(before, "\n"), f) {
			return f
		}
	}
	s.p.t.Fatalf("no new file beside %q", before)
	return ""
}

func (s *server) files() []string {
	s.p.t.Helper()
	out, errs, status := s.p.beacon("table", "files", "--server", s.URL)
	if status != 0 {
		s.p.t.Fatal(errs)
	}
	return strings.Fields(out)
}

// TestTable_DamagedFile_NamedEverywhereAndRebuilt flips a bit in a file: the collector goes on, the
// check moves the file away, each answer names the missing rows, and an import of the
// inbox brings them back.
func TestTable_DamagedFile_NamedEverywhereAndRebuilt(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	damaged := s.postN("/first", 10)
	s.postN("/second", 5)
	flip(t, damaged, 0.5)
	s.post("/third", "text/plain", "still collecting")
	name := filepath.Base(damaged)

	out, errs, status := p.beacon("table", "check", "--server", s.URL)
	if status != 1 || !strings.Contains(out, name+" is damaged") || !strings.Contains(out, "10 rows") || !strings.Contains(out, "beacon export > inbox.warc && beacon import inbox.warc") {
		t.Errorf("table check: status %d: %s%s, want the file, its rows and how to rebuild them", status, out, errs)
	}
	if _, err := os.Stat(filepath.Join(p.data, tableDir, "damaged", name)); err != nil {
		t.Errorf("the damaged file: %v, want it in the folder damaged", err)
	}
	for _, query := range []string{"select count(*) from beacons", "select stream from beacons where stream='/second'"} {
		if _, errs, status := p.beacon("query", "--server", s.URL, query); status != 0 || !strings.Contains(errs, name) {
			t.Errorf("query %s: status %d: %q, want 0 and a line that names %s", query, status, errs, name)
		}
	}
	if _, errs, _ := p.beacon("table", "files", "--server", s.URL); !strings.Contains(errs, name) {
		t.Errorf("table files: %q, want a line that names %s", errs, name)
	}
	if res, err := s.get("/-/export?format=csv"); err != nil || res.Header.Get(missingHeader) != name {
		t.Errorf("export: %s %q, want %s", missingHeader, res.Header.Get(missingHeader), name)
	}
	if got := s.metric("beacon_table_damaged_rows"); got != 10 {
		t.Errorf("beacon_table_damaged_rows %v, want 10", got)
	}

	inbox, _, _ := p.beacon("export", "--server", s.URL)
	if _, errs, status := s.importFile([]byte(inbox)); status != 0 {
		t.Fatal(errs)
	}
	if rows := s.query("select stream, count(*) as n, count(distinct id) as ids from beacons group by stream order by stream"); fmt.Sprint(rows) != "[map[ids:10 n:10 stream:/first] map[ids:5 n:5 stream:/second] map[ids:1 n:1 stream:/third]]" {
		t.Errorf("after the import: %v, want each row once", rows)
	}
	s.stop()
}

// TestTable_AnyFileDamaged_CollectingGoesOn flips a bit in each file below the table's folder, one
// at a time, also while the collector is down.
func TestTable_AnyFileDamaged_CollectingGoesOn(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	s.postN("/a", 20)
	s.postN("/b", 20)
	req, _ := http.NewRequest("POST", s.URL+"/keyed", strings.NewReader("x"))
	req.Header.Set("Idempotency-Key", "1")
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != 204 {
		t.Fatal(res, err)
	}
	s.files()
	s.stop()
	var paths []string
	filepath.WalkDir(filepath.Join(p.data, tableDir), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	})
	if len(paths) < 4 {
		t.Fatalf("files: %q, want the manifests, Parquet files and keys", paths)
	}
	for _, path := range paths {
		for _, at := range []float64{0.02, 0.5, 0.98} {
			if _, err := os.Stat(path); err != nil {
				continue // moved to damaged, or replaced
			}
			flip(t, path, at)
			s = p.serve("127.0.0.1:0")
			stream := fmt.Sprintf("/after/%s/%v", filepath.Base(path), at)
			s.post(stream, "text/plain", "x")
			p.beacon("table", "check", "--server", s.URL)
			if rows := s.query("select stream from beacons where stream='" + stream + "'"); len(rows) != 1 {
				t.Errorf("%s damaged at %v: %d rows of a beacon that came later, want 1", path, at, len(rows))
			}
			s.stop()
		}
	}
}

func TestLivePage_DamagedFile_SaysSo(t *testing.T) {
	b := startBrowser(t)
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	flip(t, s.postN("/first", 10), 0.5)
	if _, _, status := p.beacon("table", "check", "--server", s.URL); status != 1 {
		t.Errorf("table check: status %d, want 1", status)
	}
	page := b.attach("")
	s.openLive(page, "")
	text := await[string](page, "the notice", `!document.getElementById('damage').hidden && document.getElementById('damage').textContent`)
	if !strings.Contains(text, "10 rows") || !strings.Contains(text, "beacon table check") {
		t.Errorf("the page says %q, want the rows and what to do", text)
	}
}

// TestQuery_FileThatCannotBeRead_AnswersWithoutIt cuts a file off, and asks before any check.
func TestQuery_FileThatCannotBeRead_AnswersWithoutIt(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	damaged := s.postN("/first", 10)
	s.postN("/second", 5)
	info, err := os.Stat(damaged)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(damaged, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	out, errs, status := p.beacon("query", "--server", s.URL, "select count(distinct id) from beacons")
	if status != 0 || out != "5\n" || !strings.Contains(errs, filepath.Base(damaged)) {
		t.Errorf("query: status %d: %s%s, want 5 and a line that names %s", status, out, errs, filepath.Base(damaged))
	}
}
