//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// figures is JavaScript for the figures of the live page: hour, minute, total and what the chart shows of the hour.
const figures = `['hour', 'minute', 'total'].map(id => document.getElementById(id).textContent).join(' ') + ' ' + document.getElementById('chart').getAttribute('aria-label').match(/hour: ([\d,]+)/)?.[1]`

// streams is JavaScript for the streams of the rows of the live page, newest first.
const streams = `[...document.querySelectorAll('#beacons .line .stream')].map(cell => cell.textContent).join(' ')`

// textOf is JavaScript for the text of an element, "" if it can't be seen.
func textOf(id string) string {
	return `(e => e.checkVisibility() ? e.innerText : '')(document.getElementById('` + id + `'))`
}

// is is JavaScript that compares.
func is(js, text string) string { return fmt.Sprintf("%s === %q", js, text) }

func TestLivePage_NoBeacons_SaysWhatToDoUntilTheFirst(t *testing.T) {
	b := startBrowser(t)
	p := newPlace(t)
	collector := p.serve("127.0.0.1:0", "--script", "/static/count.js")
	page := b.attach("")
	collector.openLive(page, "")
	await[bool](page, "the first view", viewOf("first"))
	text := await[string](page, "what to do", textOf("start"))
	for _, want := range []string{"No beacons yet", "Send a beacon and leave", `<script defer src="` + collector.URL + `/static/count.js"></script>`, "beacon send " + collector.URL + "/hello"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want %q in it", text, want)
		}
	}
	if got := await[string](page, "the other parts", `[...document.querySelectorAll('#chart, #beacons, #filter, #empty')].filter(e => e.checkVisibility()).map(e => e.id).join(' ') || 'none'`); got != "none" {
		t.Errorf("the page also shows %q", got)
	}
	page.do("focus the link", evaluate(`document.getElementById('leave').focus()`))
	collector.post("/first", "text/plain", "x")
	await[bool](page, "the live view", viewOf("live")+` && `+is(textOf("start"), "")+` && `+is(streams, "/first"))
	await[bool](page, "the focus is at the list", `document.activeElement.id === 'newest-title'`)
}

func TestLivePage_BeaconsOnlyInTheTable_IsNotTheFirstView(t *testing.T) {
	b := startBrowser(t)
	p := newPlace(t)
	collector := p.serve("127.0.0.1:0")
	file := filepath.Join(t.TempDir(), "beacons.warc")
	if err := os.WriteFile(file, []byte(manyDays(3)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := p.beacon("import", "--server", collector.URL, file); status != 0 {
		t.Fatalf("import: %s%s", out, errs)
	}
	page := b.attach("")
	collector.openLive(page, "")
	await[bool](page, "the live view", viewOf("live")+` && document.getElementById('empty').checkVisibility()`)
}

func TestLivePage_StreamFilter_AppliesToFiguresChartAndRows(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	for _, stream := range []string{"/shop", "/shop/pay", "/blog", "/shop", "/blog", "/blog"} {
		collector.post(stream, "text/plain", "x")
	}
	page := b.attach("")
	collector.openLive(page, "")
	// The sums can be in two minutes, so only the first and the last two figures are compared.
	sums := `(f => f[0] + ' ' + f[2] + ' ' + f[3])((` + figures + `).split(' '))`
	await[bool](page, "all streams", is(sums, "6 6 6")+` && `+is(streams, "/blog /blog /shop /blog /shop/pay /shop"))
	page.do("mark the page", evaluate(`document.body.dataset.since = 'the beginning'; document.getElementById('filter').focus()`))
	for _, x := range []struct{ filter, sums, streams, says, hash string }{
		{"/shop", "2 2 2", "/shop /shop", "are of the stream /shop only.", "#stream=%2Fshop"},
		{"/shop*", "3 3 3", "/shop /shop/pay /shop", "are of streams like /shop* only.", "#stream=%2Fshop*"},
		{"ay", "1 1 1", "/shop/pay", "are of streams with ay in them only.", "#stream=ay"},
		{"/sho", "0 0 0", "", "are of the stream /sho only.", "#stream=%2Fsho"},
	} {
		page.do("type "+x.filter, evaluate(`document.getElementById('filter').value = ''`), chromedp.KeyEvent(x.filter))
		await[bool](page, x.filter+": figures and rows", is(sums, x.sums)+` && `+is(streams, x.streams)+` && `+is("location.hash", x.hash))
		if got := await[string](page, x.filter+": what the figures count", textOf("scope")); !strings.Contains(got, x.says) {
			t.Errorf("%s: the page says %q, want %q in it", x.filter, got, x.says)
		}
	}
	if got := await[string](page, "that none matches", textOf("empty")); !strings.Contains(got, "None of the newest beacons is of the stream /sho.") || !strings.Contains(got, "write /sho*") {
		t.Errorf("without a match the page says %q", got)
	}
	// A beacon of another stream changes nothing. The one after it shows that both arrived.
	collector.post("/blog", "text/plain", "x")
	collector.post("/sho", "text/plain", "x")
	await[bool](page, "the new beacon", is(sums, "1 1 1")+` && `+is(streams, "/sho"))
	page.do("press Escape", chromedp.KeyEvent(kb.Escape))
	await[bool](page, "all streams again", is(sums, "8 8 8")+` && `+is(streams, "/sho /blog /blog /blog /shop /blog /shop/pay /shop")+` && `+is(textOf("scope"), "")+` && `+is("location.hash", ""))
	await[bool](page, "the same page", `document.body.dataset.since === 'the beginning'`)
	if got := await[string](page, "the streams to choose from", `[...document.querySelectorAll('#streams option')].map(o => o.value).sort().join(' ')`); got != "/blog /sho /shop /shop/pay" {
		t.Errorf("the field offers %q", got)
	}

	collector.openLive(page, "#stream=/blog")
	await[bool](page, "the filter of the URL", is(sums, "4 4 4")+` && document.getElementById('filter').value === '/blog'`)
	page.do("click on All streams", evaluate(`document.getElementById('all').click()`))
	await[bool](page, "all streams", is(sums, "8 8 8")+` && document.activeElement.id === 'filter'`)
}

func TestLivePage_PausedAndFiltered_ShowsTheNewestOfTheFilter(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	collector.post("/shop", "text/plain", "x")
	page := b.attach("")
	collector.openLive(page, "")
	await[bool](page, "the first row", is(streams, "/shop"))
	page.do("pause", evaluate(`document.getElementById('pause').click()`))
	collector.post("/blog", "text/plain", "x")
	await[bool](page, "one waits", is(textOf("waiting"), "1 new")+` && `+is(textOf("pause"), "Resume")+` && `+is(textOf("shown"), "1 of 2 since the start"))
	page.do("filter", evaluate(`document.getElementById('filter').focus()`), chromedp.KeyEvent("/blog"+kb.Enter))
	await[bool](page, "the row of the filter", is(streams, "/blog")+` && `+is(textOf("waiting"), ""))
	collector.post("/blog", "text/plain", "x")
	await[bool](page, "it is still paused", is(textOf("waiting"), "1 new")+` && `+is(streams, "/blog"))
	page.do("resume", evaluate(`document.getElementById('pause').click()`))
	await[bool](page, "both rows", is(streams, "/blog /blog")+` && `+is(textOf("waiting"), ""))
}

func TestLivePage_MoreBeaconsThanRows_SaysHowManyOfHowMany(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	for i := range 60 {
		collector.post("/n", "text/plain", fmt.Sprint(i))
	}
	page := b.attach("")
	collector.openLive(page, "")
	await[bool](page, "50 of 60", is(textOf("shown"), "50 of 60 since the start")+` && document.querySelectorAll('#beacons .line').length === 50`)
	collector.post("/n", "text/plain", "one more")
	await[bool](page, "51 of 61", is(textOf("shown"), "51 of 61 since the start")+` && document.querySelectorAll('#beacons .line').length === 51`)

	// After a restart the collector counts from 0, and the list has beacons from before.
	collector.stop()
	collector = collector.p.serve(strings.TrimPrefix(collector.URL, "http://"))
	collector.openLive(page, "")
	await[bool](page, "those from before", is(textOf("shown"), "50, also from before the start"))
}

func TestLivePage_RowOpened_ShowsTheDataFirst(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	collector.post("/n", "application/json", `{"plan": "pro <b>"}`)
	page := b.attach("")
	collector.openLive(page, "")
	await[bool](page, "the row", is(newestOf("/n"), `{"plan": "pro <b>"}`))
	page.do("open it by the keyboard", evaluate(`document.querySelector('#beacons .line button').focus()`), chromedp.KeyEvent(kb.Enter))
	await[bool](page, "it is open", `document.querySelector('#beacons .line button').getAttribute('aria-expanded') === 'true'`)
	text := await[string](page, "the details", `document.querySelector('#beacons .detail').innerText`)
	data, body, fields := strings.Index(text, "{\n  \"plan\": \"pro <b>\"\n}"), strings.Index(text, `{"plan": "pro <b>"}`), strings.Index(text, "received_at")
	if data < 0 || body < data || fields < body {
		t.Errorf("got %q, want the data, the body and then the fields", text)
	}
}

// activate brings a tab to the front, so that the others of its window are hidden.
func (b *browser) activate(id target.ID) {
	b.t.Helper()
	if _, err := chromedp.CallBrowser(b.ctx, target.ActivateTarget, target.ActivateTargetParams{TargetID: id}); err != nil {
		b.t.Fatalf("activate the tab: %v", err)
	}
}

func TestLivePage_HiddenTab_TheTitleCountsWhatCame(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	collector.post("/before", "text/plain", "x")
	id := b.open("about:blank")
	page := b.attach(id)
	collector.openLive(page, "")
	b.activate(id)
	await[bool](page, "the page is seen", `!document.hidden && `+is(streams, "/before")+` && document.title === 'Live – Beacon'`)
	other := b.open("about:blank")
	b.activate(other)
	await[bool](page, "the page is hidden", `document.hidden && document.title === 'Live – Beacon'`)
	for n := 1; n <= 2; n++ {
		collector.post("/hidden", "text/plain", "x")
		await[bool](page, "the title counts", fmt.Sprintf(`document.title === '(%d) Live – Beacon'`, n))
	}
	b.activate(id)
	await[bool](page, "the page is seen again", `!document.hidden && document.title === 'Live – Beacon' && `+is(streams, "/hidden /hidden /before"))
}
