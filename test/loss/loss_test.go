//go:build unix

// Package loss measures which events of a page that is left arrive: by how they are sent, by how the page
// is left, and by engine. With -all -update it writes docs/loss.md.
package loss

import (
	"flag"
	"os"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

var (
	all    = flag.Bool("all", false, "run all ways of leaving, not only two")
	update = flag.Bool("update", false, "with -all, write docs/loss.md; a way that fails has no figures there")
	runs   = flag.Int("runs", 2, "repetitions, a third of them where each starts a browser")
)

// A result is the cells of one engine by way and strategy.
type result struct {
	version string
	cells   map[string]map[string]cell
	back    cell
}

func TestLoss_EachWayAndStrategy_Measured(t *testing.T) {
	var mu sync.Mutex
	results := map[string]*result{}
	t.Run("all", func(t *testing.T) {
		for _, w := range ways {
			for _, engine := range browsertest.Engines() {
				t.Run(w.title+"/"+engine, func(t *testing.T) {
					switch {
					case !w.always && !*all:
						t.Skip("it needs -all")
					case w.lacks == engine:
						t.Skip("the engine's driver cannot do that")
					}
					t.Parallel()
					r := measure(t, engine, w)
					if t.Failed() {
						return // a page may be missing
					}
					cells := r.count()
					check(t, r, cells)
					mu.Lock()
					defer mu.Unlock()
					if results[engine] == nil {
						results[engine] = &result{cells: map[string]map[string]cell{}}
					}
					results[engine].version = r.version
					results[engine].cells[w.title] = cells
					if w.again {
						results[engine].back = r.back
					}
				})
			}
		}
	})
	if *all && *update {
		if err := os.WriteFile(document, []byte(describe(results)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// measure loads and leaves the pages.
func measure(t *testing.T, engine string, w way) *run {
	t.Helper()
	s := newSite(t)
	r := &run{t, engine, w, s, s.newReceiver(t), &outcome{}}
	t.Cleanup(r.pending.Wait) // a receiver can be down when the test fails
	w.repeat(r)
	return r
}

// check checks that each page was measured and that nothing arrived that was not sent. Only the strategy "both" must have
// a rate above 0.
func check(t *testing.T, r *run, cells map[string]cell) {
	t.Helper()
	for _, s := range strategiesOf(r.engine) {
		c := cells[s.name]
		t.Logf("%s: %d of %d", s.title, c.arrived, c.of)
		if want := r.way.times(); c.of != want {
			t.Errorf("%s: %d pages, want %d", s.title, c.of, want)
		}
	}
	if r.back.of > 0 {
		t.Logf("from the back/forward cache: %d of %d", r.back.arrived, r.back.of)
	}
	r.site.mu.Lock()
	defer r.site.mu.Unlock()
	if len(r.site.unknown) > 0 {
		t.Errorf("events arrived that no page sent: %q", r.site.unknown)
	}
	switch r.way.title {
	case "link", "navigation by the driver", "reload":
		if cells["both"].arrived == 0 {
			t.Error("no event arrived of sendBeacon when hidden with fetch on pagehide")
		}
	}
}
