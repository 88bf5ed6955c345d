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

// A visit is a page that is open in a tab.
type visit struct {
	t     *testing.T
	b     browsertest.Browser
	tab   browsertest.Tab
	site  string     // its URL
	path  string     // of the page
	views func() int // how many views of the page were sent
}

// shown waits until n views were sent. Then the page is visible for a moment.
func (v *visit) shown(n int) {
	v.t.Helper()
	for deadline := time.Now().Add(collectortest.Patience); v.views() < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			v.t.Fatalf("%s: %d views were sent, want %d", v.path, v.views(), n)
		}
	}
	time.Sleep(300 * time.Millisecond)
}

// A way is a way in which a page is left.
type way struct {
	name  string
	views int // how often the page is shown
	leave func(*visit)
	ends  bool // the browser is gone
}

var ways = []way{
	{name: "link", views: 1, leave: func(v *visit) { v.tab.Click("#on") }},
	{name: "navigation", views: 1, leave: func(v *visit) { v.tab.Navigate(v.site + "/on") }},
	{name: "reload", views: 2, leave: func(v *visit) {
		v.evaluate("location.reload()")
		v.shown(2)
		v.tab.Navigate(v.site + "/on")
	}},
	{name: "back", views: 2, leave: func(v *visit) {
		v.tab.Click("#on")
		v.await("/on")
		v.evaluate("history.back()")
		v.shown(2)
		v.tab.Navigate(v.site + "/on")
	}},
	{name: "tab", views: 1, leave: func(v *visit) { v.tab.Close() }},
	{name: "quit", views: 1, ends: true, leave: func(v *visit) { v.b.Quit(v.t) }},
	{name: "kill", views: 1, ends: true, leave: func(v *visit) {
		time.Sleep(6 * time.Second)
		v.b.Signal(v.t, syscall.SIGKILL)
	}},
}

// evaluate runs JavaScript in a timer, because it may end its page.
func (v *visit) evaluate(js string) {
	v.t.Helper()
	v.tab.Evaluate("setTimeout(() => { " + js + " }); null")
}

// await waits until a page is loaded in the tab.
func (v *visit) await(path string) {
	v.t.Helper()
	for deadline := time.Now().Add(collectortest.Patience); ; time.Sleep(20 * time.Millisecond) {
		if got, err := v.tab.Evaluate("document.readyState === 'complete' && location.pathname"); err == nil && got == path {
			return
		} else if time.Now().After(deadline) {
			v.t.Fatalf("the tab is at %v (%v), want %s", got, err, path)
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
					path := fmt.Sprintf("/%s?run=%d", w.name, run)
					v := &visit{t, b, b.Open(t, site+path), site, path, func() int {
						return len(c.Query(t, "select distinct view from beacons where name = 'view' and path = '"+path+"'"))
					}}
					v.shown(1)
					w.leave(v)
					if w.ends {
						b = nil
					} else if w.name != "tab" {
						v.tab.Close()
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
	if got["leave"] > leaves || leaves > 0 && got["leave"] == 0 && w.name != "quit" {
		t.Errorf("%s: %d leaves in the table, want at most %d, and not 0", w.name, got["leave"], leaves)
	}
	if w.name == "kill" && known < 2*float64(*runs) {
		t.Errorf("kill: %.1f visible seconds are known, want at least %d", known, 2**runs)
	}
	t.Logf("%s: %d of %d views, %d of %d leaves, %d progress, %.1f s known", w.name, got["view"], views, got["leave"], leaves, got["progress"], known)
}
