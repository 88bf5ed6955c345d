//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

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
		weight float64 // of the events; 0 for no event
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
