//go:build unix

package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// An observer records the requests of a page, and its complaints: errors, warnings, exceptions, and breaches of its
// Content-Security-Policy, which the browser logs.
type observer struct {
	mu         sync.Mutex
	requests   []string
	complaints []string
}

func (o *observer) watch(event any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		o.requests = append(o.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		o.complaints = append(o.complaints, fmt.Sprintf("exception: %s in %s", e.ExceptionDetails.Text, e.ExceptionDetails.URL))
	case *runtime.EventConsoleAPICalled:
		o.complaints = append(o.complaints, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		o.complaints = append(o.complaints, fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// newestOf is JavaScript for what the live page's table shows of the newest beacon of a
// stream.
func newestOf(stream string) string {
	return `[...document.querySelectorAll('#beacons .line')].find(line => line.querySelector('.stream').textContent === '` + stream + `')?.querySelector('.what').textContent`
}

const isLive = `location.pathname === '/-/live' && document.getElementById('state').textContent === 'Live'`

// landing is the page that a browser shows after a login.
const landing = "/"

// openLive logs a browser in, opens the live page in the tab, and waits until it is live. more is added to the
// page's URL, such as #stream=/x.
func (s *server) openLive(page *tab, more string) {
	page.t.Helper()
	page.do("log in", chromedp.Navigate(s.loginURL()))
	await[bool](page, "logged in", `location.pathname === '`+landing+`'`)
	if more != "" { // only the fragment differs, so the page would not be loaded anew
		page.do("leave it", chromedp.Navigate("about:blank"))
	}
	page.do("open the live page", chromedp.Navigate(s.URL+"/-/live"+more))
	await[bool](page, "live", isLive)
}

// viewOf is JavaScript that is true if the live page shows one of its views: first, live or out.
func viewOf(view string) string { return `document.body.dataset.view === '` + view + `'` }

// leaveLivePage opens the live page of a collector without beacons, leaves it by its link, and checks that the beacon
// of that arrives.
func leaveLivePage(t *testing.T, page *tab, collector *server, leave func()) {
	t.Helper()
	collector.openLive(page, "")
	await[bool](page, "the link", viewOf("first"))
	leave()
	visit := await[string](page, "the proof", `location.pathname === '/-/bye' && document.getElementById('verdict').textContent.startsWith('It arrived: ') && JSON.parse(document.querySelector('#proof pre').textContent).visit`)
	if got := await[string](page, "the visit", `new URLSearchParams(location.search).get('visit')`); got != visit {
		t.Errorf("the page shows the beacon of the visit %s, want %s", visit, got)
	}
	rows := collector.query("select kind, origin, data->>'page' as page from beacons where stream='/leave' and (data->>'visit') = '" + visit + "'")
	if len(rows) != 1 || rows[0]["kind"] != "json" || rows[0]["origin"] != collector.URL || rows[0]["page"] != collector.URL+"/-/live" {
		t.Errorf("got the rows %v, want one of kind json with the page %s/-/live", rows, collector.URL)
	}
	page.do("go back", evaluate(`history.back()`))
	await[bool](page, "live again", isLive)
	await[bool](page, "the beacon on the page it was sent from", newestOf("/leave")+`.includes('`+visit+`')`)
	await[bool](page, "no more link", viewOf("live")+` && document.getElementById('leave').offsetParent === null`)
}

func TestLivePage_LeftByItsLink_TheBeaconArrives(t *testing.T) {
	b := startBrowser(t)
	for _, how := range []string{"Mouse", "Keyboard"} {
		t.Run(how, func(t *testing.T) {
			collector := newPlace(t).serve("127.0.0.1:0")
			o := &observer{}
			page := b.attach("", o.watch)
			leaveLivePage(t, page, collector, func() {
				if how == "Mouse" {
					// Not chromedp.Click: it can't find elements in a page that comes back from the cache.
					at := await[[]float64](page, "the link", `(at => [at.x + at.width / 2, at.y + at.height / 2])(document.getElementById('leave').getBoundingClientRect())`)
					page.do("click the link", chromedp.MouseClickXY(at[0], at[1]))
				} else {
					page.do("press Enter on the link", evaluate(`document.getElementById('leave').focus()`), chromedp.KeyEvent(kb.Enter))
				}
			})
			o.mu.Lock()
			defer o.mu.Unlock()
			for _, r := range o.requests {
				if !strings.HasPrefix(r, collector.URL+"/") && r != "about:blank" && !strings.HasPrefix(r, "data:") { // data: for the browser's own icons
					t.Errorf("the page sends a request to another host: %s", r)
				}
			}
			if !strings.Contains(strings.Join(o.requests, " "), collector.URL+"/-/web/live.js") {
				t.Errorf("the observer has no request for live.js: %q", o.requests)
			}
			for _, c := range o.complaints {
				t.Errorf("the page complains: %s", c)
			}
		})
	}
}
