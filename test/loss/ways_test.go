//go:build unix

package loss

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// A way is a way of leaving a page.
type way struct {
	title    string
	starts   bool                                  // it starts browsers for each repetition
	always   bool                                  // run without -all too
	lacks    string                                // the engine that cannot do it
	settings settings                              // what differs in the pages' settings
	wait     time.Duration                         // how long events may take to arrive; 2 s if 0
	repeat   func(*run)                            // loads and leaves pages
	again    bool                                  // pages are shown twice
	leave    func(r *run, tab browsertest.Tab)     // for pages in one tab
	end      func(*testing.T, browsertest.Browser) // for pages that end with their browser
	off      bool                                  // the receiver is down when the page is left
}

var ways = []way{
	{title: "link", always: true, repeat: inOneTab, leave: byLink},
	{title: "navigation by the driver", repeat: inOneTab, leave: func(r *run, tab browsertest.Tab) {
		tab.Navigate(r.site.url + "/elsewhere")
	}},
	{title: "reload", repeat: inOneTab, leave: byReload},
	{title: "link, back, link", repeat: inOneTab, leave: byLink, again: true},
	{title: "tab close", always: true, repeat: inNewTabs, leave: func(r *run, tab browsertest.Tab) { tab.Close() }},
	{title: "window close", repeat: inNewWindows, leave: func(r *run, tab browsertest.Tab) { tab.Close() }},
	{title: "quit", starts: true, repeat: inNewBrowsers, end: func(t *testing.T, b browsertest.Browser) { b.Quit(t) }},
	{title: "SIGTERM", starts: true, repeat: inNewBrowsers, end: bySignal(syscall.SIGTERM)},
	{title: "SIGKILL", starts: true, repeat: inWindowsAtOnce, end: bySignal(syscall.SIGKILL)},
	{title: "tab switch, SIGKILL", lacks: browsertest.WebKit, starts: true, repeat: inTabsAtOnce, end: bySignal(syscall.SIGKILL)},
	{title: "renderer crash", starts: true, repeat: inWindowsAtOnce, end: func(t *testing.T, b browsertest.Browser) { b.Crash(t) }},
	{title: "link, offline", repeat: inOneTab, leave: byLink, off: true, wait: offline + 10*time.Second},
	{title: "link, 60 KiB in flight", repeat: inOneTab, leave: byLink, settings: settings{Flights: 3, Padding: 8 << 10}, wait: flightAnswer + 3*time.Second},
	{title: "link, answers after 300 ms", repeat: inOneTab, leave: byLink, settings: settings{Answer: 300}},
	{title: "tab close, answers after 300 ms", repeat: inNewTabs, leave: func(r *run, tab browsertest.Tab) { tab.Close() }, settings: settings{Answer: 300}},
}

// times returns how often a way is repeated. Ways that start browsers take most of the time.
func (w way) times() int {
	if w.starts {
		return (*runs + 2) / 3
	}
	return *runs
}

const (
	offline   = 2 * time.Second         // how long the receiver is down
	soFarTime = 1300 * time.Millisecond // after which a page is left that sends after a second
	swap      = 300 * time.Millisecond  // for the change between two pages
	switched  = 500 * time.Millisecond  // from the last tab's switch to SIGKILL
)

func byLink(r *run, tab browsertest.Tab) {
	tab.Click("#link")
	r.await(tab, "location.pathname === '/elsewhere' && document.readyState === 'complete'")
}

func byReload(r *run, tab browsertest.Tab) {
	before := r.evaluate(tab, "load")
	tab.Evaluate("setTimeout(() => location.reload()); 1")
	r.await(tab, "load !== '"+before+"' && ready()")
}

func bySignal(s os.Signal) func(*testing.T, browsertest.Browser) {
	return func(t *testing.T, b browsertest.Browser) { b.Signal(t, s) }
}

// inOneTab has all pages after each other in one tab.
func inOneTab(r *run) {
	w := r.way
	b := r.start()
	tab := b.OpenWindow(r.t, "about:blank")
	for range r.way.times() {
		for _, s := range strategiesOf(r.engine) {
			to := r.receiver
			if w.off {
				to = r.site.newReceiver(r.t) // of this page alone
			}
			tab.Navigate(r.page(s, to))
			if w.again {
				r.loaded(tab, s)
				byLink(r, tab)
				tab.Evaluate("setTimeout(() => history.back()); 1")
				time.Sleep(swap) // WebKit's driver may lose a script that runs meanwhile
				r.await(tab, "location.pathname === '/page' && ready()")
				r.restored(r.evaluate(tab, "String(kept)") == "true")
			}
			r.expect(tab, s)
			if w.off {
				to.stop()
			}
			w.leave(r, tab)
			if w.off {
				r.later(offline, func() { to.restart(r.t) })
			}
		}
	}
}

func inNewTabs(r *run)    { inNew(r, browsertest.Browser.Open) }
func inNewWindows(r *run) { inNew(r, browsertest.Browser.OpenWindow) }

// inNew has each page in a tab or window of its own, of one browser.
func inNew(r *run, open func(browsertest.Browser, testing.TB, string) browsertest.Tab) {
	b := r.start()
	for range r.way.times() {
		for _, s := range strategiesOf(r.engine) {
			tab := open(b, r.t, r.page(s, r.receiver))
			r.expect(tab, s)
			r.way.leave(r, tab)
		}
	}
}

// inNewBrowsers has each page in a browser of its own.
func inNewBrowsers(r *run) {
	for range r.way.times() {
		for _, s := range strategiesOf(r.engine) {
			r.t.Run(s.name, func(t *testing.T) {
				inner := r.with(t)
				b := inner.start()
				inner.expect(b.OpenWindow(t, r.page(s, r.receiver)), s)
				r.way.end(t, b)
			})
		}
	}
}

// inWindowsAtOnce has the pages of all strategies in windows of one browser.
func inWindowsAtOnce(r *run) {
	atOnce(r, func(r *run, b browsertest.Browser) {
		for _, s := range strategiesOf(r.engine) {
			r.expect(b.OpenWindow(r.t, r.page(s, r.receiver)), s)
		}
	})
}

// inTabsAtOnce has them in tabs of one window: each tab hides the one before.
func inTabsAtOnce(r *run) {
	atOnce(r, func(r *run, b browsertest.Browser) {
		for _, s := range strategiesOf(r.engine) {
			r.expect(b.Open(r.t, r.page(s, r.receiver)), s)
		}
		b.Open(r.t, "about:blank")
		time.Sleep(switched)
	})
}

func atOnce(r *run, open func(*run, browsertest.Browser)) {
	for range r.way.times() {
		r.t.Run("browser", func(t *testing.T) {
			inner := r.with(t)
			b := inner.start()
			open(inner, b)
			r.way.end(t, b)
		})
	}
}
