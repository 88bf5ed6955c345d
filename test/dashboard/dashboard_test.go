//go:build unix

// Package dashboard opens the collector's dashboard in real browsers.
package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

// agents are the user agents of the visitors of visit.
var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
}

// visit sends the events of some views, as the browser script does, and waits until they are in the table.
func visit(t testing.TB, c *collectortest.Collector) {
	t.Helper()
	send := func(agent string, event map[string]any) {
		body, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest("POST", c.URL+"/visits", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
		req.Header.Set("User-Agent", agent)
		req.Header.Set("Origin", "https://shop.example")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNoContent {
			t.Fatalf("a beacon was answered with %s", res.Status)
		}
	}
	n := 0
	for i := range 24 {
		view := fmt.Sprintf("%016x", i)
		path := []string{"/", "/", "/pricing", "/blog/a-title-that-is-longer-than-the-column-is-wide"}[i%4]
		event := func(name string, number int, more map[string]any) {
			e := map[string]any{"name": name, "view": view, "n": number, "path": path, "weight": 1}
			for k, v := range more {
				e[k] = v
			}
			send(agents[i%2], e)
			n++
		}
		event("view", 1, map[string]any{"title": "Page", "source": []string{"search.example", "news.example"}[i%2], "language": "en", "screen": "laptop"})
		if i%6 == 0 {
			event("error", 2, map[string]any{"props": map[string]any{"message": "TypeError: <b>x</b> is undefined"}})
		} else {
			event("signup", 2, map[string]any{"props": map[string]any{"plan": "pro"}})
		}
		event("leave", 3, map[string]any{"seconds": 10 + i, "lcp": 1000 + 200*i, "inp": 100 + 30*i, "cls": 0.01 * float64(i), "fcp": 900, "ttfb": 200})
	}
	c.Await(t, n, collectortest.Patience, "select view from beacons")
}

// await evaluates JavaScript in a tab until it is true.
func await(t testing.TB, tab browsertest.Tab, what, js string) {
	t.Helper()
	for deadline := time.Now().Add(collectortest.Patience); ; time.Sleep(30 * time.Millisecond) {
		value, err := tab.Evaluate("Boolean(" + js + ")")
		if value == true {
			return
		}
		if time.Now().After(deadline) {
			text, _ := tab.Evaluate("document.body.innerText.slice(0, 1500)")
			t.Fatalf("%s: not within %v (%v)\n%v", what, collectortest.Patience, err, text)
		}
	}
}

// complete is JavaScript that is true when the page has its end.
const complete = `document.querySelector('footer') && document.readyState === 'complete'`

// open logs a browser in and opens a page of the dashboard.
func open(t testing.TB, b browsertest.Browser, c *collectortest.Collector, page string) browsertest.Tab {
	t.Helper()
	tab := b.Open(t, c.URL+"/-/login?to="+url.QueryEscape(page)+"#"+c.Token(t))
	await(t, tab, "the page", "location.pathname === '/' && "+complete)
	return tab
}

func TestDashboard_ThreeEngines_FiltersByClicks(t *testing.T) {
	c := collectortest.Serve(t, collectortest.Build(t))
	visit(t, c)
	for _, engine := range browsertest.Engines() {
		t.Run(engine, func(t *testing.T) {
			tab := open(t, browsertest.Start(t, engine), c, "/?from=30d")
			await(t, tab, "the views", `[...document.querySelectorAll('#headline dl div')].some(d => d.innerText.startsWith('Views') && d.innerText.includes('24'))`)
			await(t, tab, "the period of the URL", `document.querySelector('.filters a[aria-current]').textContent === '30 days'`)
			await(t, tab, "the vitals", `document.querySelectorAll('#vitals tbody tr').length === 3`)
			await(t, tab, "the error as text", `document.querySelector('#errors').innerText.includes('<b>x</b>')`)
			tab.Click("#pages td.bar a")
			await(t, tab, "a filter by path", complete+` && document.querySelector('.chips a')?.textContent.startsWith('path is /') && document.querySelectorAll('#pages tbody tr').length === 1`)
			tab.Click("#browsers td.bar a")
			await(t, tab, "two filters", complete+` && document.querySelectorAll('.chips a').length === 2 && location.search.includes('from=30d')`)
			tab.Click(".chips a")
			await(t, tab, "the first filter removed", complete+` && document.querySelectorAll('.chips a').length === 1`)
			if _, err := tab.Evaluate(`window.same = true`); err != nil {
				t.Fatal(err)
			}
			tab.Click("#browsers .top nav a:nth-child(2)")
			await(t, tab, "another tab of the frame", complete+` && document.querySelector('#browsers h2').textContent === 'Systems' && document.querySelectorAll('.chips a').length === 1 && location.search.includes('tab=systems')`)
			await(t, tab, "it has the focus, and the page was not loaded", `window.same && document.activeElement.textContent === 'Systems'`)
			tab.Click("#pages .more a")
			await(t, tab, "one panel with its SQL", complete+` && document.querySelectorAll('.panel').length === 1 && document.querySelector('details pre').textContent.startsWith('with near as') && !document.querySelector('pre').textContent.includes('near')`)
		})
	}
}

func TestDashboard_NoData_HasTheScriptsLine(t *testing.T) {
	c := collectortest.Serve(t, collectortest.Build(t), "--script", "/stats/s.js")
	tab := open(t, browsertest.Start(t, browsertest.Chromium), c, "/")
	await(t, tab, "the line", `document.querySelector('pre code').textContent === '<script defer src="`+c.URL+`/stats/s.js"></script>'`)
	await(t, tab, "no panel", `document.querySelectorAll('.panel').length === 0`)
}

func TestDashboard_WithoutLogin_AsksForTheTokenAndReturns(t *testing.T) {
	c := collectortest.Serve(t, collectortest.Build(t))
	visit(t, c)
	b := browsertest.Start(t, browsertest.Chromium)
	tab := b.Open(t, c.URL+"/?from=30d")
	await(t, tab, "the form", `location.pathname === '/-/login' && !document.getElementById('login').hidden`)
	if _, err := tab.Evaluate(`document.getElementById('token').value = '` + c.Token(t) + `', null`); err != nil {
		t.Fatal(err)
	}
	tab.Click("#login button")
	await(t, tab, "the page that was asked for", `location.pathname + location.search === '/?from=30d' && `+complete)
	tab.Navigate(c.URL + "/?from=90d")
	await(t, tab, "a typed URL", `document.querySelector('.filters a[aria-current]')?.textContent === '90 days'`)
	tab.Navigate(strings.Replace(c.URL, "127.0.0.1", "localhost", 1) + "/")
	await(t, tab, "another host is not logged in", `location.pathname === '/-/login'`)
}

func TestDashboard_OnePanelIsBroken_OthersAreShown(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "broken.sql"), []byte("-- Broken | ranked\nselect nothing from v"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := collectortest.Serve(t, collectortest.Build(t), "--panels", dir)
	visit(t, c)
	tab := open(t, browsertest.Start(t, browsertest.Chromium), c, "/")
	await(t, tab, "the error", `document.querySelector('#broken .error').innerText.includes('broken.sql failed') && document.querySelector('#broken .more a').href.includes('panel=broken')`)
	await(t, tab, "the others", `document.querySelectorAll('.panel').length > 8 && document.querySelectorAll('.panel .error').length === 1`)
}

func TestDashboard_WrongURL_SaysWhatToWrite(t *testing.T) {
	c := collectortest.Serve(t, collectortest.Build(t))
	visit(t, c)
	tab := open(t, browsertest.Start(t, browsertest.Chromium), c, "/?from=tomorrow")
	await(t, tab, "what to write", `document.querySelector('.notice:not([hidden])').innerText.includes('such as 7d')`)
}

func TestDashboard_FirstDayAfterLast_ErrorNamesTheFields(t *testing.T) {
	c := collectortest.Serve(t, collectortest.Build(t))
	visit(t, c)
	tab := open(t, browsertest.Start(t, browsertest.Chromium), c, "/?from=2026-11-20&to=2026-11-10")
	await(t, tab, "the error", `document.querySelector('.notice:not([hidden])').innerText.includes('The day in First, 2026-11-20, is after the day in Last')`)
	await(t, tab, "the form and the list of sites", `document.querySelector('[name=to]').value === '2026-11-10' && document.querySelector('#site').length === 2`)
}

func TestDashboard_DaysWithoutViews_OneSentence(t *testing.T) {
	c := collectortest.Serve(t, collectortest.Build(t))
	visit(t, c)
	tab := open(t, browsertest.Start(t, browsertest.Chromium), c, "/?from=2026-01-01&to=2026-01-02")
	await(t, tab, "the sentence", `document.querySelectorAll('.panel').length === 0 && document.querySelector('.notice:not([hidden])').innerText.includes('No page was viewed')`)
}

// TestDashboard_Chart_ValuesByPointerAndKeyboard also looks at the frame of the chart, which the last point must not leave.
func TestDashboard_Chart_ValuesByPointerAndKeyboard(t *testing.T) {
	c := collectortest.Serve(t, collectortest.Build(t))
	visit(t, c)
	for _, engine := range browsertest.Engines() {
		t.Run(engine, func(t *testing.T) {
			tab := open(t, browsertest.Start(t, engine), c, "/?from=30d")
			tip := `document.querySelector('#when .tip')`
			await(t, tab, "no tooltip", tip+`.hidden`)
			tab.Click("#when .shapes")
			await(t, tab, "that of a day in the middle", `!`+tip+`.hidden && /^\w+ \d+ \w+ \d{4}\nvisitors: 0\nviews: 0/.test(`+tip+`.textContent)`)
			press := func(key string) {
				if _, err := tab.Evaluate(`(document.querySelector('#when .shapes').focus(), document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: '` + key + `', bubbles: true })))`); err != nil {
					t.Fatal(err)
				}
			}
			press("End")
			await(t, tab, "that of today", tip+`.textContent.includes('visitors: 2\nviews: 24')`)
			await(t, tab, "all in the frame", `(() => { const inner = s => document.querySelector('#when ' + s).getBoundingClientRect(), plot = inner('.plot'); return ['.tip', '.on'].every(s => inner(s).left >= plot.left - 1 && inner(s).right <= plot.right + 1) })()`)
			press("ArrowLeft")
			await(t, tab, "that of yesterday", tip+`.textContent.includes('visitors: 0')`)
			press("Escape")
			await(t, tab, "no tooltip again", tip+`.hidden`)
		})
	}
}

func TestDashboard_SiteByArrowKeys_WaitsForEnter(t *testing.T) {
	c := collectortest.Serve(t, collectortest.Build(t))
	visit(t, c)
	tab := open(t, browsertest.Start(t, browsertest.Chromium), c, "/?from=30d")
	key := func(name string) string {
		return `document.getElementById('site').dispatchEvent(new KeyboardEvent('keydown', { key: '` + name + `', bubbles: true }))`
	}
	if _, err := tab.Evaluate(`(` + key("ArrowDown") + `, document.getElementById('site').selectedIndex = 1, document.getElementById('site').dispatchEvent(new Event('change', { bubbles: true })))`); err != nil {
		t.Fatal(err)
	}
	await(t, tab, "the same page", `location.search === '?from=30d'`)
	if _, err := tab.Evaluate(key("Enter")); err != nil {
		t.Fatal(err)
	}
	await(t, tab, "the site, with the days and the focus", complete+` && location.search.includes('site=https') && location.search.includes('from=30d') && document.activeElement.id === 'site'`)
}

func TestDashboard_CollectorIsGone_OldFiguresAreGrey(t *testing.T) {
	command := collectortest.Build(t)
	c := collectortest.Serve(t, command)
	visit(t, c)
	tab := open(t, browsertest.Start(t, browsertest.Chromium), c, "/")
	refresh := func() {
		if _, err := tab.Evaluate(`(() => { const now = Date.now; const at = now() + (window.ahead = (window.ahead ?? 0) + 61e3); Date.now = () => at; document.activeElement.blur(); document.dispatchEvent(new Event('visibilitychange')); return null })()`); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	await(t, tab, "figures are refreshed", `document.getElementById('gone').hidden && document.querySelectorAll('.panel').length > 8`)
	c.Stop(t)
	refresh()
	await(t, tab, "a banner and grey figures", `!document.getElementById('gone').hidden && document.getElementById('gone').innerText.includes('does not answer') && document.getElementById('board').classList.contains('old') && document.querySelectorAll('.panel').length > 8`)
}

// TestDashboard_Axe_FindsNothing also counts the bytes of the page and the hosts that it asks.
func TestDashboard_Axe_FindsNothing(t *testing.T) {
	browsertest.InstallNode(t, ".")
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	goals := filepath.Join(t.TempDir(), "goals")
	if err := os.WriteFile(goals, []byte("goal Sign-up = event signup\nfunnel Buy = path /pricing > event signup\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := collectortest.Serve(t, collectortest.Build(t), "--goals", goals)
	b := browsertest.Start(t, browsertest.Chromium)
	check := func(page string) {
		tab := open(t, b, c, page)
		if _, err := tab.Evaluate(string(axe) + "; null"); err != nil {
			t.Fatal(err)
		}
		found, err := tab.Evaluate(`axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes.map(n => n.html)])))`)
		if err != nil || found != "[]" {
			t.Errorf("%s: axe finds %v, %v", page, found, err)
		}
		size, err := tab.Evaluate(`performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource').filter(e => !e.name.endsWith('.svg'))).reduce((n, e) => n + e.decodedBodySize, 0)`)
		if n, ok := size.(float64); !ok || n > 60_000 || n < 5_000 {
			t.Errorf("%s: the page has %v bytes with styles and scripts, %v", page, size, err)
		}
		hosts, err := tab.Evaluate(`performance.getEntriesByType('resource').every(e => new URL(e.name).host === location.host)`)
		if hosts != true {
			t.Errorf("%s: the page asks another host, %v", page, err)
		}
	}
	check("/")
	visit(t, c)
	check("/?from=30d&filter=browser%3DFirefox")
	check("/?panel=pages")
	check("/?from=30d&tab=hours&tab=time&tab=countries&tab=notfound")
	check("/?from=2026-01-01&to=2026-01-02&tab=hours")
}
