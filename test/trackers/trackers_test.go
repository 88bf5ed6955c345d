// Package trackers runs unmodified libraries that send beacons, from their registries, against the collector: those of
// the browser in a real Chromium, those of servers as programs. It compares the requests that left with the rows of the
// table, and writes docs/trackers.md.
package trackers

import (
	"context"
	"flag"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

var (
	all    = flag.Bool("all", false, "run all senders, not only fifteen, and give each time to send again")
	update = flag.Bool("update", false, "with -all, write docs/trackers.md")
)

// patience is how long the tests wait for something that usually takes less than a second.
const patience = 20 * time.Second

// linger is how long a page stays open, with -all, for a library that sends again what was answered.
const linger = 8 * time.Second

func TestSenders_RequestsLeft_AreTheRows(t *testing.T) {
	scripts, command := bundle(t), collectortest.Build(t)
	var mu sync.Mutex
	results := map[string]result{}
	t.Run("all", func(t *testing.T) {
		for _, s := range senders {
			t.Run(s.file, func(t *testing.T) {
				if !s.always && !*all {
					t.Skip("it needs -all")
				}
				t.Parallel()
				c := serve(t, command, s)
				var requests []request
				runs := 1
				if s.runsIn() == "browser" {
					runs = 2
					requests = visit(t, c, s, scripts)
				} else {
					var through recorder
					runProgram(t, s, collectortest.Proxy(t, c.URL, through.see))
					c.await(s.used, 1)
					requests = through.requests()
				}
				var beacons []request
				for _, r := range requests {
					if s.isBeacon(r) {
						beacons = append(beacons, r)
					}
				}
				kinds := compare(t, c, s, beacons)
				if n := c.count(s.once); n != runs {
					t.Errorf("%s is in %d rows of %d runs", s.once, n, runs)
				}
				mu.Lock()
				defer mu.Unlock()
				results[s.file] = result{len(beacons), len(c.rows(t)), kinds}
			})
		}
	})
	if *all && *update && !t.Failed() {
		if err := os.WriteFile(document, []byte(describe(t, results)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// visit opens a sender's page twice, uses it and leaves it, by a link and by closing its tab. It returns the requests
// that left.
func visit(t *testing.T, c *collector, s sender, scripts string) []request {
	t.Helper()
	site := publish(t, scripts, path.Base(s.file), c.URL)
	browser := startChromium(t)
	for i, leave := range []func(tab context.Context){
		func(tab context.Context) { browser.do(tab, "navigate away", chromedp.Navigate(site+"/elsewhere")) },
		browser.closeTab,
	} {
		tab := browser.open(site)
		browser.do(tab, "use the page",
			chromedp.SendKeys(chromedp.CSS("#name"), "somebody"),
			chromedp.Click(chromedp.CSS("#signup")))
		c.await(s.used, i+1)
		if *all {
			time.Sleep(linger)
		}
		leave(tab)
		c.await(s.left, i+1)
	}
	browser.close()
	return requestsTo(t, browser.log, c.URL[strings.LastIndex(c.URL, "/")+1:], s.secure)
}
