//go:build unix

package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// An observer writes down what a page asks of the network, and what it complains about:
// an error, a warning, an exception, or a breach of its Content-Security-Policy, which
// the browser puts in its log.
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

const isLive = `document.getElementById('state').textContent === 'Live'`

func TestTheLivePageShowsABeaconThatOutlivesIt(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	o := &observer{}
	page := b.attach("", o.watch)
	page.do("open the URL that serve prints", chromedp.Navigate(collector.loginURL()))
	await[bool](page, "live", `location.href === '`+collector.URL+`/' && `+isLive)

	// What comes while it is open is on it, without a reload.
	page.do("mark the page", evaluate(`document.body.dataset.since = 'the beginning'`))
	answer, err := http.Post(collector.URL+"/from-go", "application/json", strings.NewReader(`{"from": "Go <b>"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		t.Fatal(answer.Status)
	}
	if what := await[string](page, "the beacon from Go", newestOf("/from-go")); what != `{"from": "Go <b>"}` {
		t.Errorf("the page shows %q", what)
	}
	await[bool](page, "the same page", `document.body.dataset.since === 'the beginning'`)

	visits := map[string]bool{}
	for _, how := range []string{"mouse", "keyboard"} {
		if how == "mouse" {
			// Not chromedp.Click: it loses sight of a page that comes back from the cache.
			at := await[[]float64](page, "the link", `(at => [at.x + at.width / 2, at.y + at.height / 2])(document.getElementById('leave').getBoundingClientRect())`)
			page.do("click the link", chromedp.MouseClickXY(at[0], at[1]))
		} else {
			page.do("press Enter on the link", evaluate(`document.getElementById('leave').focus()`), chromedp.KeyEvent(kb.Enter))
		}
		visit := await[string](page, "the proof", `location.pathname === '/-/bye' && document.getElementById('verdict').textContent.startsWith('It arrived: ') && JSON.parse(document.querySelector('#proof pre').textContent).visit`)
		if visits[visit] || await[string](page, "the visit", `new URLSearchParams(location.search).get('visit')`) != visit {
			t.Errorf("leaving by %s is proved with the beacon of another visit, %s", how, visit)
		}
		visits[visit] = true

		rows := collector.query("select kind, origin, data->>'page' as page from beacons where stream='/leave' and (data->>'visit') = '" + visit + "'")
		if len(rows) != 1 || rows[0]["kind"] != "json" || rows[0]["origin"] != collector.URL || rows[0]["page"] != collector.URL+"/" {
			t.Errorf("rows of the visit left by %s: %v", how, rows)
		}

		page.do("go back", evaluate(`history.back()`))
		await[bool](page, "live again", `location.pathname === '/' && `+isLive)
		await[bool](page, "the beacon on the page it was sent from", newestOf("/leave")+`.includes('`+visit+`')`)
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.requests {
		if !strings.HasPrefix(r, collector.URL+"/") {
			t.Errorf("the page asks another host: %s", r)
		}
	}
	if !strings.Contains(strings.Join(o.requests, " "), collector.URL+"/-/web/live.js") {
		t.Errorf("the requests were not seen: %q", o.requests)
	}
	for _, c := range o.complaints {
		t.Errorf("the page complains: %s", c)
	}
}
