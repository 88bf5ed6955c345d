//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestErase_ConditionWithYes_RowsAreGoneEverywhere erases, imports an export from before, and looks for
// the erased text in every file of the data folder.
func TestErase_ConditionWithYes_RowsAreGoneEverywhere(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0", "--batch", "/batch")
	s.post("/x", "text/plain", "erase secret-4711")
	s.post("/x", "text/plain", "keep this")
	s.post("/batch", "application/json", `[{"v":"secret-4711"},{"v":"keep"}]`)
	export, _, _ := p.beacon("export", "--server", s.URL)
	const condition = "data::varchar like '%secret-4711%'"
	for _, c := range []struct{ flag, want string }{
		{"--yes=false", "rows that would be erased: 2; add --yes to do it\n"},
		{"--yes", "erased rows: 2\n"},
	} {
		if out, errs, status := p.beacon("erase", "--server", s.URL, c.flag, condition); status != 0 || out != c.want {
			t.Errorf("erase %s: status %d: %s%s, want %s", c.flag, status, out, errs, c.want)
		}
	}
	if out, errs, status := s.importFile([]byte(export)); status != 0 || out != acceptedText(1, 2) {
		t.Errorf("import: status %d: %s%s, want the erased records skipped", status, out, errs)
	}
	if rows := s.query("select data::varchar as data from beacons order by data"); fmt.Sprint(rows) != `[map[data:"keep this"] map[data:{"v":"keep"}]]` {
		t.Errorf("rows: %v, want the others once", rows)
	}
	s.stop()
	filepath.WalkDir(p.data, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), "secret-4711") {
				t.Errorf("%s has the erased text", path)
			}
		}
		return err
	})
}
