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
)

// A site of its own origin takes beacon.js from the collector.
func TestThePagesOfASiteAreCounted(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>Shop</title><script defer src="%s/beacon.js" data-stream="/shop"></script><p>%s`, collector.URL, r.URL.Path)
	}))
	defer site.Close()
	o := &observer{}
	page := b.attach("", o.watch)
	// A leaving and the next view are sent at once, and may arrive in either order.
	wait := func(n int) []map[string]any {
		t.Helper()
		return collector.waitRows(n, "select data->>'event' as event, data->>'page' as page, data->>'referrer' as referrer, (data->>'seconds')::double as seconds, data->>'visit' as visit, content_type from beacons where stream = '/shop' order by data->>'page' like '%/start%' desc, data->>'event' desc")
	}

	page.do("open the shop", chromedp.Navigate(site.URL+"/start?utm_source=mail#top"))
	wait(1)
	page.do("send a beacon of its own", evaluate(`beacon('/carts', { items: 3 })`))
	time.Sleep(300 * time.Millisecond) // is seen for so long
	page.do("go on by script", evaluate(`history.pushState(null, '', '/cart')`))
	wait(3)
	page.do("scroll within it", evaluate(`location.hash = 'total'`))
	page.do("leave", chromedp.Navigate("about:blank"))
	found := wait(4)

	for i, want := range []struct{ event, page, referrer string }{
		{"view", "/start?utm_source=mail", ""}, {"leave", "/start?utm_source=mail", ""},
		{"view", "/cart", site.URL + "/start?utm_source=mail"}, {"leave", "/cart", ""},
	} {
		got := found[i]
		if referrer, _ := got["referrer"].(string); got["event"] != want.event || got["page"] != site.URL+want.page || referrer != want.referrer {
			t.Errorf("beacon %d is %v", i, got)
		}
	}
	if found[0]["visit"] != found[1]["visit"] || found[2]["visit"] != found[3]["visit"] || found[0]["visit"] == found[2]["visit"] {
		t.Errorf("the visits are mixed up: %v", found)
	}
	if seconds, ok := found[1]["seconds"].(float64); !ok || seconds < 0.3 || seconds > 20 {
		t.Errorf("it was seen for %v", found[1]["seconds"])
	}
	if len(found) != 4 {
		t.Errorf("there are more: %v", found[4:])
	}
	own := collector.query("select data->>'items' as items from beacons where stream = '/carts'")
	if len(own) != 1 || own[0]["items"] != "3" {
		t.Errorf("its own beacon is %v", own)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.complaints {
		t.Errorf("the page complains: %s", c)
	}
}

func TestThePagesOfASiteMayBeOdd(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	at, err := url.Parse(collector.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(at)

	tests := []struct {
		name   string // and path
		html   string // SCRIPT is the script's address
		stream string
		want   []string // events and paths
		says   []string
	}{
		{
			name: "hidden",
			html: `<script src="SCRIPT" data-stream="/hidden"></script><script>
				const turned = () => document.dispatchEvent(new Event('visibilitychange'))
				Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })
				turned()
				setTimeout(() => {
					history.pushState(null, '', '/hidden/later')
					delete document.visibilityState
					turned()
				}, 2000)
				</script>`,
			stream: "/hidden",
			want:   []string{"view /hidden", "leave /hidden", "view /hidden/later", "leave /hidden/later"},
		}, {
			name:   "const",
			html:   `<script>const beacon = 'its own'</script><script src="SCRIPT" data-stream="/const"></script>`,
			stream: "/const",
			want:   []string{"view /const", "leave /const"},
		}, {
			name: "function",
			html: `<script>function beacon() { console.error('was called') }; const own = beacon</script>
				<script src="SCRIPT" data-stream="/function"></script>
				<script>if (beacon !== own) console.error('was replaced')</script>`,
			stream: "/function",
			want:   []string{"view /function", "leave /function"},
		}, {
			name:   "slashless",
			html:   `<script src="SCRIPT" data-stream="slashless"></script>`,
			stream: "/slashless",
			want:   []string{"view /slashless", "leave /slashless"},
		}, {
			name:   "slashes",
			html:   `<script src="SCRIPT" data-stream="//elsewhere.example/x"></script>`,
			stream: "/elsewhere.example/x",
			want:   []string{"view /slashes", "leave /slashes"},
		}, {
			name:   "twice",
			html:   `<script src="SCRIPT" data-stream="/twice"></script><script src="SCRIPT" data-stream="/twice"></script>`,
			stream: "/twice",
			want:   []string{"view /twice", "leave /twice"},
		}, {
			name:   "proxied",
			html:   `<script src="/count/stats.js?v=a/b" data-stream="/proxied"></script>`,
			stream: "/proxied",
			want:   []string{"view /proxied", "leave /proxied"},
		}, {
			name:   "crossorigin",
			html:   `<script crossorigin src="SCRIPT" data-stream="/crossorigin"></script>`,
			stream: "/crossorigin",
			want:   []string{"view /crossorigin", "leave /crossorigin"},
		}, {
			name: "unsendable",
			html: `<script src="SCRIPT" data-stream="/unsendable"></script><script>
				const cyclic = {}
				cyclic.self = cyclic
				for (const data of [cyclic, 1n])
					if (beacon('/unsendable', data) !== false) console.error('was sent')
				</script>`,
			stream: "/unsendable",
			want:   []string{"view /unsendable", "leave /unsendable"},
		}, {
			name:   "without",
			html:   `<script>delete Navigator.prototype.sendBeacon</script><script src="SCRIPT" data-stream="/without"></script>`,
			stream: "/without",
		}, {
			name:   "module",
			html:   `<script type="module" src="SCRIPT" data-stream="/module"></script>`,
			stream: "/module",
			says:   []string{"console.warning"},
		},
	}

	site := http.NewServeMux()
	site.Handle("/count/", http.StripPrefix("/count", forward))
	site.HandleFunc("/count/stats.js", func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/beacon.js"
		forward.ServeHTTP(w, r)
	})
	site.HandleFunc("/favicon.ico", func(http.ResponseWriter, *http.Request) {})
	for _, tt := range tests {
		site.HandleFunc("/"+tt.name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<!doctype html><title>Shop</title>", strings.ReplaceAll(tt.html, "SCRIPT", collector.URL+"/beacon.js"))
		})
	}
	shop := httptest.NewServer(site)
	defer shop.Close()

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &observer{}
			page := b.attach("", o.watch)
			wait := func(n int) []map[string]any {
				t.Helper()
				return collector.waitRows(n, "select data->>'event' as event, data->>'page' as page, (data->>'seconds')::double as seconds from beacons where stream = '"+tt.stream+"' order by data->>'page', data->>'event' desc")
			}
			page.do("open it", chromedp.Navigate(shop.URL+"/"+tt.name))
			wait(len(tt.want) - 1)
			page.do("leave", chromedp.Navigate("about:blank"))

			var got []string
			for _, row := range wait(len(tt.want)) {
				got = append(got, fmt.Sprint(row["event"], " ", strings.TrimPrefix(fmt.Sprint(row["page"]), shop.URL)))
				if seconds, ok := row["seconds"].(float64); ok && row["page"] == shop.URL+"/hidden" && seconds > 1.5 {
					t.Errorf("hidden for two seconds, it was seen for %v", seconds)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("there are %q, want %q", got, tt.want)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			if !slices.Equal(o.complaints, tt.says) {
				t.Errorf("the page complains: %q, want %q", o.complaints, tt.says)
			}
		})
	}
}
