//go:build unix

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

func TestScript_OnePage_EventsWithColumns(t *testing.T) {
	b := startBrowser(t)
	site := newScriptedSite(t, newPlace(t).serve("127.0.0.1:0"))
	site.page("/shop", notAutomated+`<script defer src="SCRIPT" data-query="id page"></script><p>text<div style="height: 5000px"></div>`)
	site.page("/other", `<a href="http://`+strings.TrimPrefix(strings.Replace(site.URL, "127.0.0.1", "localhost", 1), "http://")+`/shop?utm_source=mail&id=7&token=SECRET&utm_campaign=may#SECRET">to the shop</a>`)
	o := &observer{}
	page := b.attach("", o.watch)
	page.do("come by a link", chromedp.Navigate(site.URL+"/other?token=SECRET"), chromedp.Click(chromedp.CSS("a")))
	site.events(1, "/shop")
	time.Sleep(300 * time.Millisecond) // the visible time
	await[bool](page, "painted", painted)
	page.do("scroll and send", evaluate(`scrollTo(0, 2500); new Promise(done => setTimeout(done, 100)).then(() => beacon('signup', { plan: 'pro' }))`))
	site.events(2, "/shop")
	page.do("leave", chromedp.Navigate("about:blank"))
	events := site.events(3, "/shop")

	if got, want := namesOf(events), []string{"view /shop?id=7", "signup /shop?id=7", "leave /shop?id=7"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	view, signup, leave := events[0], events[1], events[2]
	for i, e := range events {
		if e["view"] != view["view"] || fmt.Sprint(e["n"]) != fmt.Sprint(i+1) || e["weight"] != 1.0 {
			t.Errorf("event %d: view %v, n %v, weight %v", i, e["view"], e["n"], e["weight"])
		}
	}
	if view["title"] != "/shop" || view["source"] != strings.TrimPrefix(site.URL, "http://") || view["utm_source"] != "mail" || view["utm_campaign"] != "may" || view["screen"] == nil || view["language"] == nil || view["status"] != nil {
		t.Errorf("the view is %v", view)
	}
	if signup["props"] != `{"plan":"pro"}` {
		t.Errorf("the event has the props %v", signup["props"])
	}
	between := func(name string, least, most float64) {
		if v, ok := leave[name].(float64); !ok || v < least || v > most {
			t.Errorf("%s is %v, want %v to %v", name, leave[name], least, most)
		}
	}
	between("seconds", 0.3, 60)
	between("focused", 0, leave["seconds"].(float64))
	between("scroll", 40, 80)
	between("fcp", 1, 60_000)
	between("lcp", 1, 60_000)
	between("ttfb", 0, 60_000)
	between("cls", 0, 1)
	if rows := site.collector.query("select count(*)::int as n from beacons where contains(coalesce(data::varchar, '') || coalesce(referrer, '') || coalesce(query, ''), 'SECRET')"); fmt.Sprint(rows[0]["n"]) != "0" {
		t.Errorf("%v rows have a parameter that no attribute names", rows[0]["n"])
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.complaints) > 0 {
		t.Errorf("the page reports %q", o.complaints)
	}
}

// TestScript_VisibleFor30Seconds_AtMostFiveRequests has a clock and an interval of its own in the page.
func TestScript_VisibleFor30Seconds_AtMostFiveRequests(t *testing.T) {
	b := startBrowser(t)
	site := newScriptedSite(t, newPlace(t).serve("127.0.0.1:0"))
	const clock = `<script>
		let clock = performance.now(), tick
		performance.now = () => clock
		window.setInterval = f => { tick = f }
		const pass = seconds => { for (; seconds > 0; seconds -= 5) { clock += 5000; tick() } }
		</script>` + notAutomated
	for name, tt := range map[string]struct {
		html string
		most int
	}{
		"deferred": {clock, 4},
		"timed":    {`<script>delete window.fetchLater</script>` + clock, 5},
	} {
		t.Run(name, func(t *testing.T) {
			site.page("/"+name, tt.html+`<script src="SCRIPT"></script>`)
			o := &observer{}
			page := b.attach("", o.watch)
			page.do("open it", chromedp.Navigate(site.URL+"/"+name), evaluate("pass(30)"))
			page.do("leave", chromedp.Navigate("about:blank"))
			events := site.events(tt.most-1, "/"+name)
			want := append(append([]string{"view /" + name}, slices.Repeat([]string{"progress /" + name}, tt.most-3)...), "leave /"+name)
			if got := namesOf(events); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if seconds := events[len(events)-1]["seconds"]; seconds != 30.0 {
				t.Errorf("the page was visible for 30 seconds, the leave has %v", seconds)
			}
			// The leave is sent twice.
			rows := site.collector.waitRows(tt.most, "select name from beacons where path = '/"+name+"'")
			if len(rows) > tt.most {
				t.Errorf("%d requests, want at most %d", len(rows), tt.most)
			}
		})
	}
}

func TestScript_BackFromTheCache_NewViewWithoutLoading(t *testing.T) {
	b := startBrowser(t)
	site := newScriptedSite(t, newPlace(t).serve("127.0.0.1:0"))
	site.page("/first", notAutomated+`<script src="SCRIPT"></script><script>addEventListener('pageshow', e => document.title = e.persisted)</script><p>text`)
	site.page("/second", `<p>text`)
	page := b.attach("")
	page.do("open it", chromedp.Navigate(site.URL+"/first?utm_source=mail"))
	site.events(1, "/first")
	await[bool](page, "painted", painted)
	page.do("go on and come back", chromedp.Navigate(site.URL+"/second"), evaluate(`history.back()`))
	await[bool](page, "from the cache", `document.title === 'true'`)
	site.events(3, "/first")
	page.do("leave", chromedp.Navigate("about:blank"))
	events := site.events(4, "/first")
	if got, want := namesOf(events), []string{"view /first", "leave /first", "view /first", "leave /first"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if events[0]["view"] == events[2]["view"] || events[2]["utm_source"] != nil {
		t.Errorf("the second view is %v, after %v", events[2], events[0])
	}
	for _, name := range []string{"lcp", "fcp", "ttfb"} {
		if events[1][name] == nil || events[3][name] != nil {
			t.Errorf("%s is %v, and %v from the cache", name, events[1][name], events[3][name])
		}
	}
}

func TestScript_Prerendered_CountsWhenShown(t *testing.T) {
	b := startBrowser(t)
	site := newScriptedSite(t, newPlace(t).serve("127.0.0.1:0"))
	site.page("/start", `<a href="/ahead">on</a><script type="speculationrules">{"prerender":[{"urls":["/ahead"],"eagerness":"immediate"}]}</script>`)
	site.page("/ahead", notAutomated+`<script src="SCRIPT"></script><p>text<script>
		if (document.prerendering) fetch('/prerendered', { method: 'POST' })
		new PerformanceObserver(list => {
			const { startTime } = list.getEntriesByName('first-contentful-paint')[0]
			beacon('paint', { fcp: Math.max(0, Math.round(startTime - performance.getEntriesByType('navigation')[0].activationStart)) })
		}).observe({ type: 'paint', buffered: true })
		</script>`)
	prerendered := make(chan bool, 10)
	site.mux.HandleFunc("/prerendered", func(http.ResponseWriter, *http.Request) { prerendered <- true })
	id := b.open(site.URL + "/start") // Chromium prerenders nothing for a page with a debugger
	select {
	case <-prerendered:
	case <-time.After(patience):
		t.Fatal("the page is not prerendered")
	}
	time.Sleep(500 * time.Millisecond) // a view would be sent in this time
	if events := site.events(0, "/ahead"); len(events) > 0 {
		t.Errorf("before the page was shown it sent %q", namesOf(events))
	}
	b.attach(id).do("show it", evaluate(`document.links[0].click()`))
	site.events(2, "/ahead")
	b.close(id)
	events := site.events(3, "/ahead")
	if got, want := namesOf(events), []string{"view /ahead", "paint /ahead", "leave /ahead"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if got, want := events[2]["fcp"], events[1]["props"]; fmt.Sprintf(`{"fcp":%v}`, got) != want {
		t.Errorf("FCP is %v, want %v: it counts from the time at which the page was shown", got, want)
	}
}

func TestScript_VisitorSaysOff_NothingUntilOn(t *testing.T) {
	b := startBrowser(t)
	site := newScriptedSite(t, newPlace(t).serve("127.0.0.1:0"))
	for _, name := range []string{"a", "off", "b", "on", "c"} {
		site.page("/choice/"+name, notAutomated+`<script src="SCRIPT"></script>`)
	}
	page := b.attach("")
	for _, path := range []string{"a", "off#beacon-off", "b", "on#beacon-on", "c"} {
		page.do("open "+path, chromedp.Navigate(site.URL+"/choice/"+path))
	}
	page.do("leave", chromedp.Navigate("about:blank"))
	events := site.events(6, "/choice")
	if got, want := namesOf(events), []string{"view /choice/a", "leave /choice/a", "view /choice/on", "leave /choice/on", "view /choice/c", "leave /choice/c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
