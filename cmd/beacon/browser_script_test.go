//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
	wait := func(n int) []map[string]any {
		t.Helper()
		return collector.waitRows(n, "select data->>'event' as event, data->>'page' as page, data->>'referrer' as referrer, (data->>'seconds')::double as seconds, data->>'visit' as visit, content_type from beacons where stream = '/shop' order by id")
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
