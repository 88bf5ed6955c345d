//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestServe_FolderOfAnEarlierVersion_HasTheNewColumns: testdata/table-1 is a data folder from before the columns of the
// browser script and of the user agent.
func TestServe_FolderOfAnEarlierVersion_HasTheNewColumns(t *testing.T) {
	p := newPlace(t)
	if err := os.CopyFS(p.data, os.DirFS("testdata/table-1")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(p.data, "inbox"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := p.serve("127.0.0.1:0", "--column", "value:double")
	const values = "select coalesce(name, '') as name, value from beacons order by id"
	if got, want := fmt.Sprint(s.query(values)), "[map[name: value:1.5] map[name:view value:2] map[name: value:<nil>]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, errs, status := p.beacon("table", "compact", "--server", s.URL); status != 0 {
		t.Fatal(errs)
	}
	got := fmt.Sprint(s.query("select browser, os, device from beacons order by id"))
	want := "[map[browser:Chrome device:desktop os:Windows] map[browser:Safari device:phone os:iOS] map[browser:<nil> device:<nil> os:<nil>]]"
	if got != want {
		t.Errorf("after compaction got %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(s.query(values)), "[map[name: value:1.5] map[name:view value:2] map[name: value:<nil>]]"; got != want {
		t.Errorf("after compaction got %s, want %s", got, want)
	}
}
