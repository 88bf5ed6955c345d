//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

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
