//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// viewsAt returns views of a page, a minute apart.
func viewsAt(at time.Time, path string, n int) (events []visitEvent) {
	for i := range n {
		events = append(events, visitEvent{Name: "view", View: fmt.Sprintf("%s-%d-%d", path, at.Unix(), i), N: 1, Path: path, Weight: 1,
			at: at.Add(time.Duration(i) * time.Minute), visitor: fmt.Sprintf("%016x", i), site: "https://s.example", agent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"})
	}
	return events
}

func TestQueryPanel_PastDaysChange_KeptAnswersDoNot(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0", "--timezone", "UTC")
	past := time.Now().UTC().AddDate(0, 0, -5).Truncate(24 * time.Hour).Add(12 * time.Hour)
	views := func(want string) {
		t.Helper()
		out, errs, status := p.beacon("query", "--server", s.URL, "--format", "csv", "--panel", "pages", "--from", "7d")
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
			cells := strings.Split(line, ",")
			got = append(got, cells[0]+" "+cells[2])
		}
		if status != 0 || strings.Join(got, ", ") != want {
			t.Errorf("got %q, %s, want %q", got, errs, want)
		}
	}
	importVisits(t, p, s.URL, viewsAt(past, "/a", 3))
	s.waitRows(3, "select id from beacons")
	if out, errs, status := p.beacon("table", "files", "--server", s.URL); status != 0 { // which also flushes
		t.Fatalf("%s %s", out, errs)
	}
	views("/a 3")
	files, err := filepath.Glob(filepath.Join(p.data, dashboardDir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the answers about past days are in %q, %v", files, err)
	}

	// The file has the answer: another number in it is shown.
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	if err := os.WriteFile(files[0], []byte(strings.Replace(string(text), `"/a"`, `"/kept"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s = p.serve("127.0.0.1:0", "--timezone", "UTC")
	views("/kept 3")

	importVisits(t, p, s.URL, viewsAt(past, "/b", 2))
	s.waitRows(5, "select id from beacons")
	views("/a 3, /b 2")

	if out, errs, status := p.beacon("erase", "--server", s.URL, "--yes", "path = '/a'"); status != 0 {
		t.Fatalf("%s %s", out, errs)
	}
	views("/b 2")
}
