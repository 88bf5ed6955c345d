// Package trackers runs unchanged trackers from npm against the collector, in a real Chromium, and compares the
// requests in the browser's network log with the rows of the table.
package trackers

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long the tests wait for what should come in a moment.
const patience = 15 * time.Second

// trackers are set up in pages/, a file each, by options that they document. What they send is
// up to them; some of it has to be there for a visit to count.
//
// No package that we know of has Matomo's own matomo.js: those named for it load it from the
// server. The one here speaks its protocol, but was written for apps.
var trackers = []struct {
	page    string
	used    []string // is in the rows' data before the page is left
	left    []string // is sent when the page is left
	asks    []string // paths of GETs that are questions and not beacons
	once    string   // is in one row of a visit: what is answered is not sent again
	answers []string // values of --answer: the tracker takes a 204 for a failure
}{
	{page: "boomerangjs", used: []string{`"nt_nav_st"`}, left: []string{`"rt.quit"`}},
	{page: "boomerangjs-get", used: []string{`"nt_nav_st"`}, left: []string{`"rt.quit"`}},
	{page: "grafana-faro-web-sdk", used: []string{`"name":"signup"`, `"value":"the page broke"`}, left: []string{`"cls":`}},
	{page: "matomo-tracker-react-native", used: []string{`"Screen / the page"`, `"e_n":"signup"`}},
	{page: "mixpanel-browser", answers: []string{"/track/=mixpanel", "/engage/=mixpanel"}, used: []string{`"$mp_web_page_view"`, `"event":"signup"`, `"$set":`}, left: []string{`"event":"left"`}},
	{page: "mixpanel-browser-get", answers: []string{"/track/=mixpanel"}, used: []string{`"$mp_web_page_view"`, `"event":"signup"`}},
	{page: "plausible-analytics-tracker", used: []string{`"n":"pageview"`, `"n":"signup"`}, left: []string{`"n":"engagement"`}},
	{page: "plausible-tracker", used: []string{`"n":"pageview"`, `"n":"signup"`}},
	{page: "posthog-js", answers: []string{"/e/=posthog", "/flags/=posthog"}, used: []string{`"event":"$pageview"`, `"event":"signup"`}, left: []string{`"event":"$pageleave"`}, asks: []string{"/array/"}, once: `"event":"$pageview"`},
	{page: "segment-analytics-next", used: []string{`"type":"page"`, `"type":"identify"`, `"event":"signup"`}},
	{page: "sentry-browser", used: []string{`the page broke`, `ui.webvital.lcp`}, left: []string{`ui.webvital.cls`}},
	{page: "snowplow-browser-tracker", used: []string{`"e":"pv"`, `"se_ac":"signup"`}, left: []string{`"se_ac":"left"`}},
	{page: "snowplow-browser-tracker-get", used: []string{`"e":"pv"`, `"se_ac":"signup"`}, left: []string{`"se_ac":"left"`}},
	{page: "web-vitals", used: []string{`"name":"TTFB"`, `"name":"FCP"`}, left: []string{`"name":"CLS"`}},
}

func TestWhatATrackerSendsIsInTheTable(t *testing.T) {
	scripts, command := bundle(t), build(t)
	for _, tracker := range trackers {
		t.Run(tracker.page, func(t *testing.T) {
			t.Parallel()
			collector := serve(t, command, tracker.answers)
			site := publish(t, scripts, tracker.page, collector.URL)
			browser := startChromium(t)
			for i, leave := range []func(tab context.Context){
				func(tab context.Context) {
					browser.do(tab, "navigate away", chromedp.Navigate(site+"/elsewhere"))
				},
				browser.closeTab,
			} {
				tab := browser.open(site)
				browser.do(tab, "use the page",
					chromedp.SendKeys(chromedp.CSS("#name"), "somebody"),
					chromedp.Click(chromedp.CSS("#signup")))
				collector.await(tracker.used, i+1)
				leave(tab)
				collector.await(tracker.left, i+1)
			}
			browser.close()

			requests := requestsTo(t, browser.log, strings.TrimPrefix(collector.URL, "http://"))
			compare(t, collector, slices.DeleteFunc(requests, func(r *http.Request) bool {
				asks := func(path string) bool { return r.Method == "GET" && strings.HasPrefix(r.RequestURI, path) }
				return r.Method == "OPTIONS" || slices.ContainsFunc(tracker.asks, asks)
			}))
			if n := collector.count(tracker.once); tracker.once != "" && n != 2 {
				t.Errorf("%s is in %d rows of 2 visits", tracker.once, n)
			}
		})
	}
}
