//go:build unix

package main

import (
	_ "embed"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// The collector's hosts. By http, browsers send Sec-Fetch-Site to the first, because it is below localhost,
// and not to the second.
const (
	secureHost = "beacon.site.localhost"
	plainHost  = "beacon.site.test"
)

//go:embed testdata/hostile.html
var hostilePage string

// serveHostile answers with the hostile page, and below /redirect with a redirect. With ?quiet its
// requests have no Referer.
func serveHostile(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/redirect" {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	if r.URL.Query().Has("quiet") {
		w.Header().Set("Referrer-Policy", "no-referrer")
	}
	io.WriteString(w, hostilePage)
}

// adminEndpoints are the paths of the admin endpoints, with queries that would be answered.
var adminEndpoints = []string{
	"/-/query?sql=select+count(*)+from+beacons",
	"/-/export", "/-/export?format=parquet", "/-/export?format=csv", "/-/export?format=json",
	"/-/import",
	"/-/tail?last=5",
	"/-/table/files", "/-/table/status", "/-/table/check", "/-/table/compact", "/-/table/erase?condition=true",
	"/-/metrics",
	"/-/logout",
}

// operatorRequests returns how many requests of operators the collector has answered.
func (s *server) operatorRequests() (sum float64) {
	s.p.t.Helper()
	for _, kind := range []string{"query", "export", "import", "tail", "table"} {
		sum += s.metric(`beacon_operator_requests_total{kind="` + kind + `"}`)
	}
	return sum
}

// logIn opens the URL that logs a browser in at a collector, which is under base, then the live page, and waits for
// its requests. Then it closes the page, which ends its requests.
func logIn(t *testing.T, b browsertest.Browser, base, token string) {
	t.Helper()
	tab := b.Open(t, base+"/-/login#"+token)
	eventually(t, "the browser is logged in at "+base, func() bool {
		done, err := tab.Evaluate(`location.pathname === '` + landing + `'`)
		return err == nil && done == true
	})
	tab.Navigate(base + "/-/live")
	eventually(t, "the live page is live at "+base, func() bool {
		live, err := tab.Evaluate(isLive + ` && performance.getEntriesByName(location.origin + '/-/table/status').length > 0`)
		return err == nil && live == true
	})
	tab.Close()
}

// ownQuery returns the status of a query that the collector's own page sends.
func ownQuery(t *testing.T, tab browsertest.Tab) any {
	t.Helper()
	status, err := tab.Evaluate(`fetch('/-/query?sql=select+count(*)+from+beacons').then(answer => answer.text().then(() => answer.status))`)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// attackAll has a hostile page request each admin endpoint of a collector in all ways, until a request is not
// refused. The navigations are some groups of ways.
func attackAll(t *testing.T, tab browsertest.Tab, r *relay, collector, navigations string) {
	t.Helper()
	evaluate := func(js string) any {
		t.Helper()
		value, err := tab.Evaluate(js)
		if err != nil {
			t.Fatalf("%s: %v", js, err)
		}
		return value
	}
	attack := func(groups string, refused bool, paths ...string) (safe bool) {
		t.Helper()
		var names []string
		for _, name := range evaluate(fmt.Sprintf("attack(%q, ['%s'], %s)", collector, strings.Join(paths, "', '"), groups)).([]any) {
			names = append(names, name.(string))
		}
		for _, e := range r.await(t, names) {
			if "http://"+e.host != collector {
				t.Errorf("%+v: want a request to %s", e, collector)
			}
			if e.status < 400 && refused && e.path != "/-/logout" { // a page of a rebound name ends only its own login
				t.Errorf("%+v: want a refusal", e)
			}
		}
		if t.Failed() {
			return false
		}
		eventually(t, "all windows show the answers", func() bool { return evaluate(fmt.Sprintf("settled(%q)", collector)) == true })
		return true
	}
	if !attack("prefetches", true, adminEndpoints...) || !attack("embeds", true, adminEndpoints...) {
		return
	}
	for _, endpoint := range adminEndpoints { // one window for each way
		if !attack(navigations, true, endpoint) {
			return
		}
	}
	attack("{ fetchPOST: embeds.fetchPOST, sendBeacon: embeds.sendBeacon, formPOST: navigations.formPOST }", true, "/-/login")
	// The pages are the same for everyone. In a frame their scripts would ask for beacons.
	attack("{ frame: embeds.frame, object: embeds.object }", false, "/", "/-/live", "/-/bye?visit=x", "/-/login")
	evaluate("closeWindows()")
}

func TestOperator_PageOfAnotherSite_ReachesNothing(t *testing.T) {
	// Without the login two pages are enough: the others differ only for requests that have its cookie.
	hostile := []struct{ name, host, query, collector string }{
		{"OtherSite", "evil.localhost", "", secureHost},
		{"Sibling", "shop.site.localhost", "", secureHost},
		{"PlainOtherSite", "evil.test", "", plainHost},
		{"PlainOtherSiteWithoutReferer", "evil.test", "?quiet", plainHost},
		{"PlainSibling", "shop.site.test", "", plainHost},
		{"PlainSiblingWithoutReferer", "shop.site.test", "?quiet", plainHost},
	}
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			b := browsertest.Start(t, engine)
			s := newPlace(t).serve("127.0.0.1:0")
			s.post("/x", "text/plain", "kept")
			r := newRelay(t, "127.0.0.1:0", s)
			site := httptest.NewServer(http.HandlerFunc(serveHostile))
			defer site.Close()
			_, sitePort, _ := net.SplitHostPort(site.Listener.Addr().String())

			for _, loggedIn := range []bool{false, true} {
				status := 401.0
				if loggedIn {
					status = 200
					for _, host := range []string{secureHost, plainHost} {
						logIn(t, b, "http://"+host+":"+r.port, s.p.token())
					}
				}
				pages := hostile
				if !loggedIn {
					pages = hostile[:2]
				}
				for _, h := range pages {
					t.Run(fmt.Sprintf("%s_LoggedIn=%v", h.name, loggedIn), func(t *testing.T) {
						tab := b.Open(t, "http://"+h.host+":"+sitePort+"/"+h.query)
						defer tab.Close()
						before := s.operatorRequests()
						attackAll(t, tab, r, "http://"+h.collector+":"+r.port, "navigations, redirects")
						if after := s.operatorRequests(); after != before {
							t.Errorf("the collector answered %v requests of operators, want none", after-before)
						}
					})
				}
				// The attacks ended no login, and the count includes what an operator's page asks.
				for _, host := range []string{secureHost, plainHost} {
					tab := b.Open(t, "http://"+host+":"+r.port+"/-/bye")
					before := s.metric(`beacon_operator_requests_total{kind="query"}`)
					if got := ownQuery(t, tab); got != status {
						t.Errorf("%s: logged in %v, the own page's query is answered %v, want %v", host, loggedIn, got, status)
					}
					want := 0.0
					if loggedIn {
						want = 1
					}
					if got := s.metric(`beacon_operator_requests_total{kind="query"}`) - before; got != want {
						t.Errorf("%s: logged in %v, %v queries were counted, want %v", host, loggedIn, got, want)
					}
				}
			}
			if rows := s.query("select count(*) as n from beacons where stream = '/x'"); rows[0]["n"] != 1.0 {
				t.Errorf("after the attacks the table has %v, want n = 1", rows)
			}
		})
	}
}

// TestOperator_RedirectOfTypedURL_ReachesNothing has a person type the URL of another site, or open it
// from another program. Its server redirects to the collector. Chromium then sends the login cookie, and
// Sec-Fetch-Site: none as if the collector's own URL were typed.
func TestOperator_RedirectOfTypedURL_ReachesNothing(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			b := browsertest.Start(t, engine)
			s := newPlace(t).serve("127.0.0.1:0")
			r := newRelay(t, "127.0.0.1:0", s)
			site := httptest.NewServer(http.HandlerFunc(serveHostile))
			defer site.Close()
			_, sitePort, _ := net.SplitHostPort(site.Listener.Addr().String())
			for _, host := range []string{secureHost, plainHost} {
				logIn(t, b, "http://"+host+":"+r.port, s.p.token())
				before := s.operatorRequests()
				tab := b.Open(t, "about:blank")
				for i, endpoint := range adminEndpoints {
					to, err := url.Parse("http://" + host + ":" + r.port + endpoint)
					if err != nil {
						t.Fatal(err)
					}
					id := fmt.Sprint(host, i)
					query := to.Query()
					query.Set("attack", id)
					to.RawQuery = query.Encode()
					tab.Navigate("http://evil.test:" + sitePort + "/redirect?to=" + url.QueryEscape(to.String()))
					r.await(t, []string{id})
				}
				if after := s.operatorRequests(); after != before {
					t.Errorf("%s: the collector answered %v requests of operators, want none", host, after-before)
				}
			}
		})
	}
}

// TestOperator_ReboundName_ReachesNothing has pages whose host's address becomes the collector's, so that
// page and collector are of one origin.
func TestOperator_ReboundName_ReachesNothing(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			b := browsertest.Start(t, engine)
			site := httptest.NewServer(http.HandlerFunc(serveHostile))
			address := site.Listener.Addr().String()
			_, port, _ := net.SplitHostPort(address)
			before, after := "http://before.test:"+port, "http://after.test:"+port // the login
			tabs := map[string]browsertest.Tab{before: b.Open(t, before), after: b.Open(t, after)}
			site.Close()

			s := newPlace(t).serve("127.0.0.1:0")
			r := newRelay(t, address, s)
			for _, origin := range []string{before, after} {
				if origin == after {
					logIn(t, b, "http://127.0.0.1:"+port, s.p.token())
				}
				already := s.operatorRequests()
				attackAll(t, tabs[origin], r, origin, "navigations")
				if n := s.operatorRequests() - already; n != 0 {
					t.Errorf("%s: the collector answered %v requests of operators, want none", origin, n)
				}
			}
		})
	}
}
