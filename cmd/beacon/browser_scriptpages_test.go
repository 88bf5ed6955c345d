//go:build unix

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

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
