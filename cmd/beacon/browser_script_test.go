//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// notAutomated comes before the script in a page: it sends nothing in browsers that are automated.
const notAutomated = "<script>" + browsertest.HideAutomation + "</script>"

// A scriptedSite is a site whose pages load the script from a collector, of another origin.
type scriptedSite struct {
	collector *server
	mux       *http.ServeMux
	URL       string
	passed    int // pages of pass
}

func newScriptedSite(t *testing.T, collector *server) *scriptedSite {
	t.Helper()
	s := &scriptedSite{collector: collector, mux: http.NewServeMux()}
	s.mux.HandleFunc("/favicon.ico", func(http.ResponseWriter, *http.Request) {})
	at, err := url.Parse(collector.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.mux.Handle("/count/", http.StripPrefix("/count", httputil.NewSingleHostReverseProxy(at)))
	server := httptest.NewServer(s.mux)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// page adds a page, which has its path for title. In its HTML, SCRIPT is the script's URL.
func (s *scriptedSite) page(path, html string) {
	s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!doctype html><html lang=en><title>%s</title>%s", r.URL.Path, strings.ReplaceAll(html, "SCRIPT", s.collector.URL+"/visits.js"))
	})
}

// pass opens and leaves a page whose script works, and waits for its events: those of earlier pages have arrived then.
func (s *scriptedSite) pass(page *tab) {
	page.t.Helper()
	s.passed++
	path := fmt.Sprintf("/passed/%d", s.passed)
	s.page(path, notAutomated+`<script src="SCRIPT"></script>`)
	page.do("open and leave a page", chromedp.Navigate(s.URL+path), chromedp.Navigate("about:blank"))
	s.events(2, path)
}

// events returns the events of the pages below a path: one row for each view and n, in their order.
func (s *scriptedSite) events(n int, path string) []map[string]any {
	s.collector.p.t.Helper()
	return s.collector.waitRows(n, `select * from (select distinct on (view, n) name, path, view, n, weight, title, source, utm_source, utm_campaign, screen, language, status,
		seconds, focused, scroll, lcp, inp, cls, fcp, ttfb, (data->'props')::varchar as props, min(received_at) over (partition by view) as began
		from beacons where stream = '/visits' and (path = '`+path+`' or path like '`+path+`/%' or path like '`+path+`?%' or path like '`+path+`#%') order by view, n, received_at) order by began, n`)
}

// painted is JavaScript that is true after the page's first paint.
const painted = `performance.getEntriesByName('first-contentful-paint').length > 0`

// namesOf returns the names and paths of events.
func namesOf(events []map[string]any) (names []string) {
	for _, e := range events {
		names = append(names, fmt.Sprintf("%v %v", e["name"], e["path"]))
	}
	return names
}

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

// TestScript_Pages_EventsAreTheSame: each page has the path of its name, and is used and left.
func TestScript_Pages_EventsAreTheSame(t *testing.T) {
	const script = notAutomated + `<script src="SCRIPT"></script>`
	tests := []struct {
		name string // and path
		html string
		do   string   // JavaScript after the first events
		want []string // events and paths
		last int      // how many of them come when the page is left; 1 if 0
		says []string // what the console has
	}{
		{
			name: "hidden",
			html: script + `<script>
				const turned = () => document.dispatchEvent(new Event('visibilitychange'))
				Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })
				turned()
				setTimeout(() => {
					history.pushState(null, '', '/hidden/later')
					delete document.visibilityState
					turned()
				}, 1500)
				</script>`,
			want: []string{"view /hidden", "leave /hidden", "view /hidden/later", "leave /hidden/later"},
		},
		{name: "const", html: `<script>const beacon = 'its own'</script>` + script, want: []string{"view /const", "leave /const"}},
		{
			name: "function",
			html: `<script>function beacon() { console.error('was called') }; const own = beacon</script>` + script + `<script>if (beacon !== own) console.error('was replaced')</script>`,
			want: []string{"view /function", "leave /function"},
		},
		{name: "twice", html: script + `<script src="SCRIPT"></script>`, want: []string{"view /twice", "leave /twice"}},
		{name: "alias", html: notAutomated + `<script src="ALIAS"></script>`, want: []string{"view /alias", "leave /alias"}},
		{name: "proxied", html: notAutomated + `<script src="/count/visits.js?v=a/b"></script>`, want: []string{"view /proxied", "leave /proxied"}},
		{name: "crossorigin", html: notAutomated + `<script crossorigin src="SCRIPT"></script>`, want: []string{"view /crossorigin", "leave /crossorigin"}},
		{
			name: "unsendable",
			html: script + `<script>
				const cyclic = {}
				cyclic.self = cyclic
				for (const [name, props] of [['a', cyclic], ['b', { n: 1n }], ['', {}], ['view', {}], [7, {}]])
					if (beacon(name, props) !== false) console.error('was sent')
				beacon('c')
				</script>`,
			want: []string{"view /unsendable", "c /unsendable", "leave /unsendable"},
			says: slices.Repeat([]string{"console.warning"}, 5),
		},
		{name: "without", html: `<script>delete Navigator.prototype.sendBeacon</script>` + script, want: []string{"view /without", "leave /without"}},
		{name: "refused", html: `<script>Navigator.prototype.sendBeacon = () => false</script>` + script, want: []string{"view /refused", "leave /refused"}},
		{name: "large", html: script, do: `beacon('large', { text: 'x'.repeat(100_000) })`, want: []string{"view /large", "large /large", "leave /large"}},
		{name: "module", html: notAutomated + `<script type="module" src="SCRIPT"></script>`, last: -1, says: []string{"console.warning"}},
		{name: "automated", html: `<script src="SCRIPT"></script>`, do: `if (beacon('a') !== false) console.error('was sent')`, last: -1},
		{
			name: "stub",
			html: notAutomated + `<script>(window.beacon = (...event) => beacon.q.push(event)).q = []; beacon('early', { n: 1 })</script><script defer src="SCRIPT"></script>`,
			do:   `beacon('late')`,
			want: []string{"view /stub", "early /stub", "late /stub", "leave /stub"},
		},
		{
			name: "consent",
			html: notAutomated + `<script data-consent src="SCRIPT"></script><script>beacon('waits'); setTimeout(() => beacon.start(), 500)</script>`,
			want: []string{"view /consent", "waits /consent", "leave /consent"},
		},
		{name: "refusal", html: notAutomated + `<script data-consent src="SCRIPT"></script>`, do: `beacon('waits'); new Promise(done => setTimeout(done, 500))`, last: -1},
		{name: "sampled", html: `<script>Math.random = () => 0.05</script>` + notAutomated + `<script data-sample="0.1" src="SCRIPT"></script>`, want: []string{"view /sampled", "leave /sampled"}},
		{name: "unsampled", html: `<script>Math.random = () => 0.5</script>` + notAutomated + `<script data-sample="0.1" src="SCRIPT"></script>`, do: `if (beacon('a') !== false) console.error('was sent')`, last: -1},
		{name: "zerosample", html: notAutomated + `<script data-sample="0" src="SCRIPT"></script>`, last: -1},
		{name: "badsample", html: notAutomated + `<script data-sample="10%" src="SCRIPT"></script>`, want: []string{"view /badsample", "leave /badsample"}, says: []string{"console.warning"}},
		{name: "missing", html: notAutomated + `<script data-status="404" src="SCRIPT"></script>`, want: []string{"view /missing", "leave /missing"}},
		{
			name: "single",
			html: script + `<a href="#top">a fragment</a>`,
			do: `history.pushState(null, '', '/single/cart?token=SECRET'); document.title = 'Cart'; location.hash = 'a'; history.replaceState(1, '', '/single/cart?x=1#b')
				new Promise(done => setTimeout(done, 300)).then(() => { history.go(-2) })`,
			want: []string{"view /single", "leave /single", "view /single/cart", "leave /single/cart", "view /single", "leave /single"},
		},
		{
			name: "wrapped", // an engine without window.navigation
			html: `<script>delete window.navigation; Object.defineProperty(window, 'navigation', { value: undefined })</script>` + script,
			do:   `history.pushState(null, '', '/wrapped/cart'); new Promise(done => setTimeout(done, 300)).then(() => history.back())`,
			want: []string{"view /wrapped", "leave /wrapped", "view /wrapped/cart", "leave /wrapped/cart", "view /wrapped", "leave /wrapped"},
		},
		{
			name: "hash",
			html: notAutomated + `<script data-hash src="SCRIPT"></script>`,
			do:   `location.hash = '#/cart?token=SECRET'`,
			want: []string{"view /hash", "leave /hash", "view /hash#/cart", "leave /hash#/cart"},
		},
		{
			name: "router", // redirects in one task, and a title that comes late
			html: script,
			do: `history.pushState(null, '', '/router/a'); history.replaceState(null, '', '/router/b'); history.replaceState(null, '', '/router/c')
				new Promise(done => setTimeout(done, 50)).then(() => { history.pushState(null, '', '/router/d'); document.title = 'D' })
					.then(() => new Promise(done => setTimeout(done, 300)))`,
			want: []string{"view /router", "leave /router", "view /router/c", "leave /router/c", "view /router/d", "leave /router/d"},
		},
		{
			name: "variables", // of the page, with the names of the platform's
			html: `<script>var navigation = { items: [] }; const crypto = {}, performance = {}</script>` + script,
			want: []string{"view /variables", "leave /variables"},
		},
		{
			name: "broken", // objects of the page, in place of the platform's
			html: `<div id="beacon"></div><script>
				performance.getEntriesByType = () => { throw new Error('no entries') }
				PerformanceObserver.prototype.observe = () => { throw new Error('no observer') }
				Object.defineProperty(document, 'title', { get: () => { throw new Error('no title') } })
				</script>` + script,
			do: `if (beacon('thrown', { get x() { throw Symbol() } }) !== false) console.error('was sent')
				dispatchEvent(new PromiseRejectionEvent('unhandledrejection', { promise: Promise.resolve(), reason: { message: 'x', get stack() { throw 1 } } }))`,
			want: []string{"view /broken", "unhandledrejection /broken", "leave /broken"},
			says: []string{"console.warning"},
		},
		{
			name: "copied", // properties as they are at the call
			html: notAutomated + `<script data-consent src="SCRIPT"></script><script>
				const props = { v: 1 }
				beacon('early', props)
				props.v = 'SECRET'
				for (let i = 0; i < 200; i++) beacon('many')
				beacon.start()
				</script>`,
			want: append(append([]string{"view /copied", "early /copied"}, slices.Repeat([]string{"many /copied"}, 99)...), "leave /copied"),
		},
		{
			name: "offlink",
			html: script + `<a href="#beacon-off">off</a>`,
			do: `document.links[0].click(); new Promise(done => setTimeout(done, 100)).then(() => {
				if (beacon('a') !== false) console.error('was sent')
				location.hash = 'beacon-on'
				return new Promise(done => setTimeout(done, 100))
			}).then(() => beacon('b'))`,
			want: []string{"view /offlink", "b /offlink", "leave /offlink"},
		},
		{
			name: "secrets",
			html: script,
			do: `for (const [i, text] of ['https://h.example/x?redirect=https://b.example/?token=SECRET', 'at f (https://h.example/a.js?v=SECRET:10:5)', 'https://a.example/?t=12:30&token=SECRET',
				'(https://a.example/?f=g(1)&token=SECRET)', '/reset?token=SECRET', '//cdn.example/x?token=SECRET', 'https://user:SECRET@h.example/p', 'data:text/html,SECRET', 'https://a.example/#SECRET'].entries())
				dispatchEvent(new ErrorEvent('error', { message: i + ' ' + text, filename: text }))
				dispatchEvent(new ErrorEvent('error', { message: 'a.'.repeat(20000), error: { stack: { token: 'SECRET' } } }))`,
			want: append(append([]string{"view /secrets"}, slices.Repeat([]string{"error /secrets"}, 10)...), "leave /secrets"),
		},
		{name: "emptyname", html: notAutomated + `<script data-query="" src="SCRIPT"></script>`, do: `history.pushState(null, '', '?=SECRET')`, want: []string{"view /emptyname", "leave /emptyname"}},
		{
			name: "svglinks",
			html: script + `<svg><a href="https://elsewhere.example/a"><text>out</text></a></svg><map name="m"><area href="https://elsewhere.example/b"></map><a href="https://">broken</a>
				<script>for (const link of document.querySelectorAll('a, area')) link.addEventListener('click', e => e.preventDefault())</script>`,
			do:   `for (const link of document.querySelectorAll('a, area')) link.dispatchEvent(new MouseEvent('click', { bubbles: true, composed: true, cancelable: true }))`,
			want: []string{"view /svglinks", "outbound /svglinks", "outbound /svglinks", "leave /svglinks"},
		},
		{
			name: "links",
			html: script + `<a id="out" href="https://elsewhere.example/a?token=SECRET#b"><b>out</b></a> <a id="in" href="/links">in</a> <a id="file" href="/list.pdf?x=1">file</a>
				<a id="named" download href="/report">named</a> <a id="mail" href="mailto:a@b.example">mail</a>
				<script>for (const link of document.links) link.addEventListener('click', e => e.preventDefault())</script>`,
			do:   `for (const link of document.links) (link.firstElementChild ?? link).click()`,
			want: []string{"view /links", "outbound /links", "download /links", "download /links", "leave /links"},
		},
		{
			name: "errors",
			html: `<meta http-equiv="Content-Security-Policy" content="img-src 'none'">` + script,
			do: `for (let i = 0; i < 3; i++) setTimeout(() => { throw new Error('the page broke at https://a.example/b?token=SECRET') }, 100)
				Promise.reject(new TypeError('rejected'))
				new Image().src = '/picture.png?token=SECRET'
				new Promise(done => setTimeout(done, 400))`,
			want: []string{"view /errors", "securitypolicyviolation /errors", "unhandledrejection /errors", "error /errors", "leave /errors"},
			says: []string{"exception: Uncaught (in promise) in ", "exception: Uncaught in ", "exception: Uncaught in ", "exception: Uncaught in "},
		},
		{
			name: "manyerrors",
			html: script,
			do:   `for (let i = 0; i < 30; i++) dispatchEvent(new ErrorEvent('error', { message: 'error ' + i }))`,
			want: append(append([]string{"view /manyerrors"}, slices.Repeat([]string{"error /manyerrors"}, 10)...), "leave /manyerrors"),
		},
	}

	b := startBrowser(t)
	site := newScriptedSite(t, newPlace(t).serve("127.0.0.1:0"))
	for _, tt := range tests {
		site.page("/"+tt.name, strings.ReplaceAll(tt.html, "ALIAS", site.collector.URL+"/beacon.js"))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &observer{}
			page := b.attach("", o.watch)
			page.do("open it", chromedp.Navigate(site.URL+"/"+tt.name))
			if tt.do != "" {
				page.do("use it", chromedp.Evaluate[chromedp.Void](tt.do, chromedp.EvalAwaitPromise))
			}
			site.events(len(tt.want)-1-tt.last, "/"+tt.name)
			page.do("leave", chromedp.Navigate("about:blank"))
			if len(tt.want) == 0 {
				site.pass(page)
			}
			events := site.events(len(tt.want), "/"+tt.name)
			got := namesOf(events)
			if tt.name == "errors" { // they come from several task sources
				slices.Sort(got)
				slices.Sort(tt.want)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			for i, e := range events {
				if strings.Contains(fmt.Sprint(e), "SECRET") {
					t.Errorf("event %d has what no attribute names: %v", i, e)
				}
				if seconds, ok := e["seconds"].(float64); ok && e["path"] == "/hidden" && seconds > 1.2 {
					t.Errorf("the page was hidden for 1.5 seconds, and visible for %v", seconds)
				}
				if e["name"] == "view" {
					want := map[string]string{"missing": "404", "sampled": "10"}[tt.name]
					if got := fmt.Sprint(e["status"], e["weight"]); want != "" && !strings.Contains(got, want) {
						t.Errorf("status and weight are %s, want %s", got, want)
					}
				}
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			says := slices.DeleteFunc(slices.Clone(o.complaints), func(c string) bool { return strings.Contains(c, "Content Security Policy") })
			slices.Sort(says)
			if !slices.EqualFunc(says, tt.says, strings.HasPrefix) {
				t.Errorf("the console has %q, want %q", says, tt.says)
			}
		})
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

func TestScript_LowerShare_PagesSendLess(t *testing.T) {
	b := startBrowser(t)
	p := newPlace(t)
	collector := p.serve("127.0.0.1:0", "--script", "/static/count.js")
	sample := func(args ...string) string {
		t.Helper()
		out, errs, status := p.beacon(append([]string{"sample", "--server", collector.URL}, args...)...)
		if status != 0 {
			t.Fatalf("beacon sample %q: %s", args, errs)
		}
		return out
	}
	site := newScriptedSite(t, collector)
	const html = `<script>Math.random = () => 0.2</script>` + notAutomated
	for _, name := range []string{"all", "quarter", "tenth", "none"} {
		site.page("/"+name, html+`<script src="`+collector.URL+`/static/count.js?`+name+`"></script>`) // each has its own place in the browser's cache
	}
	page := b.attach("")
	for _, tt := range []struct {
		name   string
		args   []string
		says   string
		weight float64 // of the events; 0 if there are none
	}{
		{"all", nil, "all page views", 1},
		{"quarter", []string{"0.25", "--for", "2h"}, "0.25 of the page views until", 4},
		{"tenth", []string{"0.1", "--for", "2h"}, "0.1 of the page views until", 0},
		{"none", []string{"0"}, "0 of the page views until", 0},
	} {
		if got := sample(tt.args...); !strings.Contains(got, tt.says) {
			t.Errorf("beacon sample %q prints %q, want %q", tt.args, got, tt.says)
		}
		page.do("open it", chromedp.Navigate(site.URL+"/"+tt.name), chromedp.Navigate("about:blank"))
		const query = "select weight from beacons where stream = '/static/count' and name = 'view' and path = '/%s'"
		if tt.weight == 0 {
			time.Sleep(300 * time.Millisecond)
			if rows := collector.query(fmt.Sprintf(query, tt.name)); len(rows) != 0 {
				t.Errorf("%s: got %v, want no event", tt.name, rows)
			}
		} else if rows := collector.waitRows(1, fmt.Sprintf(query, tt.name)); rows[0]["weight"] != tt.weight {
			t.Errorf("%s: the weight is %v, want %v", tt.name, rows[0]["weight"], tt.weight)
		}
	}
	collector.stop()
	collector = p.serve(strings.TrimPrefix(collector.URL, "http://"), "--script", "/static/count.js")
	if got := sample(); !strings.Contains(got, "0 of the page views until") {
		t.Errorf("after a restart beacon sample prints %q", got)
	}
	if got := sample("1"); !strings.Contains(got, "all page views") {
		t.Errorf("beacon sample 1 prints %q", got)
	}
	for _, args := range [][]string{{"1.5"}, {"-1"}, {"NaN"}, {"half"}} {
		if _, errs, status := p.beacon(append([]string{"sample", "--server", collector.URL, "--"}, args...)...); status == 0 || !strings.Contains(errs, "from 0 to 1") {
			t.Errorf("beacon sample %q ends with %d: %s", args, status, errs)
		}
	}
}
