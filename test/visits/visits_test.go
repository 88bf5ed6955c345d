//go:build unix

// Package visits visits a site with the browser script in three engines, leaves its pages in the ways that visitors do,
// and compares the events in the collector's table with the visits.
package visits

import (
	"flag"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

var runs = flag.Int("runs", 2, "how often each page is left in each way")

// seen is how long a page is visible before it is left.
const seen = 300 * time.Millisecond

// A way is a way in which a page is left. The page is open in a tab that the test can use.
type way struct {
	name  string
	leave func(t *testing.T, b browsertest.Browser, tab browsertest.Tab, site string)
	ends  bool // the browser is gone
	views int  // of the page; 2 if it is shown twice
}

var ways = []way{
	{name: "link", views: 1, leave: func(t *testing.T, _ browsertest.Browser, tab browsertest.Tab, site string) { tab.Click("#on") }},
	{name: "navigation", views: 1, leave: func(t *testing.T, _ browsertest.Browser, tab browsertest.Tab, site string) {
		tab.Navigate(site + "/on")
	}},
	{name: "reload", views: 2, leave: func(t *testing.T, _ browsertest.Browser, tab browsertest.Tab, site string) {
		evaluate(t, tab, "location.reload()")
		time.Sleep(2 * seen)
		tab.Navigate(site + "/on")
	}},
	{name: "back", views: 2, leave: func(t *testing.T, _ browsertest.Browser, tab browsertest.Tab, site string) {
		tab.Click("#on")
		awaitPath(t, tab, "/on")
		time.Sleep(seen)
		evaluate(t, tab, "history.back()")
		awaitPath(t, tab, "/back")
		time.Sleep(2 * seen)
		tab.Navigate(site + "/on")
	}},
	{name: "tab", views: 1, leave: func(t *testing.T, _ browsertest.Browser, tab browsertest.Tab, _ string) { tab.Close() }},
	{name: "quit", views: 1, ends: true, leave: func(t *testing.T, b browsertest.Browser, _ browsertest.Tab, _ string) { b.Quit(t) }},
	{name: "kill", views: 1, ends: true, leave: func(t *testing.T, b browsertest.Browser, _ browsertest.Tab, _ string) {
		time.Sleep(6*time.Second - seen)
		b.Signal(t, syscall.SIGKILL)
	}},
}

// evaluate runs JavaScript that can end its page, which is no error.
func evaluate(t *testing.T, tab browsertest.Tab, js string) {
	t.Helper()
	tab.Evaluate("setTimeout(() => { " + js + " }); null")
}

func awaitPath(t *testing.T, tab browsertest.Tab, path string) {
	t.Helper()
	for deadline := time.Now().Add(collectortest.Patience); ; time.Sleep(20 * time.Millisecond) {
		if got, err := tab.Evaluate("document.readyState === 'complete' && location.pathname"); err == nil && got == path {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("the tab is at %v (%v), want %s", got, err, path)
		}
	}
}

func TestVisits_ThreeEngines_EventsAreInTheTable(t *testing.T) {
	command := collectortest.Build(t)
	for _, engine := range browsertest.Engines() {
		t.Run(engine, func(t *testing.T) {
			c := collectortest.Serve(t, command)
			site := newSite(t, c.URL)
			var b browsertest.Browser
			for _, w := range ways {
				for run := range *runs {
					if b == nil {
						b = browsertest.Start(t, engine)
					}
					tab := b.Open(t, fmt.Sprintf("%s/%s?run=%d", site, w.name, run))
					time.Sleep(seen)
					w.leave(t, b, tab, site)
					if w.ends {
						b = nil
					} else if w.name != "tab" {
						tab.Close()
					}
				}
				check(t, c, w)
			}
		})
	}
}

// check compares the events of a way's pages with the visits. Only lost leaves are allowed.
func check(t *testing.T, c *collectortest.Collector, w way) {
	t.Helper()
	views, leaves := w.views**runs, w.views**runs
	if w.name == "kill" {
		leaves = 0
	}
	events := c.Await(t, views+leaves, 5*time.Second, fmt.Sprintf(`select distinct on (view, n) name, path, view, n::varchar, coalesce(seconds, 0)::varchar
		from beacons where stream = '/visits' and path like '/%s?run=%%' order by view, n, received_at`, w.name))
	got := map[string]int{}
	known := 0.0 // seconds
	for _, e := range events {
		got[e[0]]++
		var seconds float64
		fmt.Sscan(e[4], &seconds)
		known += seconds
	}
	if got["view"] != views {
		t.Errorf("%s: %d views in the table, want %d", w.name, got["view"], views)
	}
	if got["leave"] > leaves {
		t.Errorf("%s: %d leaves in the table, want at most %d", w.name, got["leave"], leaves)
	}
	if w.name == "kill" && known < 2*float64(*runs) {
		t.Errorf("kill: %.1f visible seconds are known, want a third of %d", known, 6**runs)
	}
	t.Logf("%s: %d of %d views, %d of %d leaves, %.1f s known", w.name, got["view"], views, got["leave"], leaves, known)
}
