package fetch

import (
	"net/http"
	"strings"
	"testing"
)

// TestWhatMayNotLeave is main fetch, steps 5 to 7 and 12: nothing arrives.
func TestWhatMayNotLeave(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, page, to, csp string
		change              func(*Request)
		why                 string // "" where it may
	}{
		{"mixed content", "https://a.example/", "http://b.example/", "", nil, "mixed content"},
		{"mixed content of one host", "https://a.example/", "http://a.example/", "", nil, "mixed content"},
		{"loopback is no mixed content", "https://a.example/", "http://127.0.0.1/", "", nil, ""},
		{"localhost is none", "https://a.example/", "http://localhost/", "", nil, ""},
		{"what is under localhost is none", "https://a.example/", "http://x.localhost/", "", nil, ""},
		{"a host that sounds like it is", "https://a.example/", "http://localhost.example/", "", nil, "mixed content"},
		{"a private address is", "https://a.example/", "http://192.168.0.1/", "", nil, "mixed content"},
		{"http to http", "http://a.example/", "http://b.example/", "", nil, ""},
		{"loopback to http", "http://127.0.0.1/", "http://b.example/", "", nil, ""},
		{"smtp's port", "http://a.example/", "http://b.example:25/", "", nil, "bad port"},
		{"no port at all", "http://a.example/", "http://b.example:0/", "", nil, "bad port"},
		{"the last bad port", "http://a.example/", "http://b.example:10080/", "", nil, "bad port"},
		{"a good port", "http://a.example/", "http://b.example:10081/", "", nil, ""},
		{"a scheme that is none of ours", "http://a.example/", "ftp://b.example/", "", nil, "scheme"},
		{"what is no URL", "http://a.example/", "http://[", "", nil, "URL"},
		{"CSP", "http://a.example/", "http://b.example/", "connect-src 'self'", nil, "Content-Security-Policy"},
		{"CSP of its own", "http://a.example/", "http://a.example/", "connect-src 'self'", nil, ""},
		{"CSP and a report", "http://a.example/", "http://b.example/", "connect-src 'self'", func(q *Request) { q.Destination = "report" }, ""},
		{"same-origin", "http://a.example/", "http://a.example/", "", func(q *Request) { q.Mode = "same-origin" }, ""},
		{"same-origin to another", "http://a.example/", "http://a.example:8080/", "", func(q *Request) { q.Mode = "same-origin" }, "another origin"},
		{"no-cors that follows no redirects", "http://a.example/", "http://b.example/", "", func(q *Request) { q.Redirect = "manual" }, "redirects"},
		{"no-cors with a type", "http://a.example/", "http://b.example/", "", func(q *Request) { q.Header.Set("Content-Type", "application/json") }, "Content-Type"},
		{"no-cors with a header", "http://a.example/", "http://b.example/", "", func(q *Request) { q.Header.Set("X-Own", "1") }, "X-Own"},
		{"no-cors with a method", "http://a.example/", "http://b.example/", "", func(q *Request) { q.Method = "PUT" }, "PUT"},
		{"a ping", "http://a.example/", "http://b.example/", "", func(q *Request) { q.Initiator = "ping"; q.Header = http.Header{"Ping-To": {"x"}} }, ""},
	} {
		q := beacon(&Page{URL: c.page, CSP: []string{c.csp}}, c.to)
		if c.change != nil {
			c.change(&q)
		}
		_, err := w.do(q)
		came := len(w.visits())
		if c.why == "" && (err != nil || came != 1) {
			t.Errorf("%s: %v, %d requests", c.name, err, came)
		}
		if c.why != "" && (!isBlocked(err) || !strings.Contains(err.Error(), c.why) || came != 0) {
			t.Errorf("%s: %v, %d requests", c.name, err, came)
		}
		if got := q.Check(); (got == nil) != (c.why == "") {
			t.Errorf("%s: Check says %v", c.name, got)
		}
	}
}

func TestUpgradeInsecureRequests(t *testing.T) {
	w := newWorld(t)
	page := &Page{URL: "https://a.example/", CSP: []string{"upgrade-insecure-requests; connect-src https:"}}
	w.on("https://b.example/x?y", 307, "Location: http://c.example:8443/to")
	w.must(beacon(page, "http://b.example/x?y"))
	came := w.visits()
	if came[0].url != "https://b.example/x?y" || came[1].url != "https://c.example:8443/to" {
		t.Errorf("%v", came)
	}
	page = &Page{URL: "http://a.example/", CSP: []string{"upgrade-insecure-requests"}}
	for _, to := range []string{"http://127.0.0.1/", "http://localhost/", "http://x.localhost/"} {
		w.must(beacon(page, to))
		if came := w.visits(); came[0].url != to {
			t.Errorf("%v: what is trustworthy needs no upgrade", came)
		}
	}
	page = &Page{URL: "https://a.example/", CSP: page.CSP}
	res := w.must(Request{Page: page, Method: "GET", URL: "http://a.example:443/", Mode: "cors"})
	if res.Type != "basic" || res.URL != "https://a.example/" {
		t.Errorf("%+v", res)
	}
}

// An attempt that fails on the way is the network's and may be made again.
func TestTheNetworksErrorsAreNotBlocked(t *testing.T) {
	w := newWorld(t)
	w.routes["http://b.example/"] = func(out http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }
	if _, err := w.do(beacon(&Page{URL: "http://a.example/"}, "http://b.example/")); err == nil || isBlocked(err) {
		t.Error(err)
	}
	w.on("http://b.example/", 407)
	if _, err := w.do(beacon(&Page{URL: "http://a.example/"}, "http://b.example/")); err == nil || isBlocked(err) {
		t.Error(err)
	}
}

func TestAProcessMayAskEverybody(t *testing.T) {
	q := post("http://b.example:25/")
	if err := q.Check(); err != nil {
		t.Error(err)
	}
}

func TestWhatABeaconSends(t *testing.T) {
	w := newWorld(t)
	q := beacon(&Page{URL: "https://a.example/p"}, "https://b.example/to")
	q.Agent = http.Header{"User-Agent": {"agent/1"}, "X-Key": {"k"}}
	w.must(q)
	got := w.visits()[0]
	want := map[string]string{
		"Accept": "*/*", "Content-Type": "text/plain;charset=UTF-8", "Content-Length": "5", "Origin": "https://a.example",
		"Referer": "https://a.example/", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site",
		"User-Agent": "agent/1", "X-Key": "k",
	}
	for name, value := range want {
		if got.header.Get(name) != value {
			t.Errorf("%s is %q", name, got.header.Get(name))
		}
	}
	if len(got.header) != len(want) || got.body != "hello" {
		t.Errorf("%+v", got)
	}
	q.Body, q.Header = nil, nil
	w.must(q)
	if got := w.visits()[0].header; got.Get("Content-Length") != "0" || got.Values("Content-Type") != nil {
		t.Errorf("an empty beacon: %v", got)
	}
}

// TestSecFetchSite is Fetch Metadata, "set the Sec-Fetch-Site header": what matters is the
// whole way.
func TestSecFetchSite(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		page string
		way  []string
		want string // at its end
	}{
		{"https://a.example/", []string{"https://a.example/"}, "same-origin"},
		{"https://a.example/", []string{"https://x.a.example/"}, "same-site"},
		{"https://x.a.example/", []string{"https://y.a.example:8443/"}, "same-site"},
		{"https://a.example/", []string{"https://b.example/"}, "cross-site"},
		{"http://a.example/", []string{"https://a.example/"}, "cross-site"}, // schemeful
		{"https://a.github.io/", []string{"https://b.github.io/"}, "cross-site"},
		{"https://a.co.uk/", []string{"https://b.co.uk/"}, "cross-site"},
		{"https://a.example./", []string{"https://x.a.example./"}, "same-site"},
		{"https://a.example./", []string{"https://x.a.example/"}, "cross-site"}, // its dot is part of a host
		{"http://127.0.0.1:1/", []string{"http://127.0.0.1:8080/"}, "same-site"},
		{"http://127.0.0.1/", []string{"http://127.0.0.2/"}, "cross-site"},
		{"http://localhost/", []string{"http://127.0.0.1/"}, "cross-site"},
		{"http://a.localhost/", []string{"http://b.localhost/"}, "cross-site"},
		{"about:blank", []string{"https://a.example/"}, "cross-site"},
		{"https://a.example/", []string{"https://a.example/", "https://x.a.example/"}, "same-site"},
		{"https://a.example/", []string{"https://x.a.example/", "https://a.example/"}, "same-site"},
		{"https://a.example/", []string{"https://b.example/", "https://a.example/"}, "cross-site"},
		{"https://a.example/", []string{"https://b.example/", "https://x.a.example/", "https://a.example/"}, "cross-site"},
		{"http://a.example/", []string{"http://b.example/"}, ""},
		{"http://a.example/", []string{"http://b.example/", "https://a.example/"}, "cross-site"},
	} {
		for i, to := range c.way[1:] {
			w.on(c.way[i], 307, "Location: "+to)
		}
		w.on(c.way[len(c.way)-1], 204)
		w.must(beacon(&Page{URL: c.page}, c.way[0]))
		came := w.visits()
		h := came[len(came)-1].header
		if got := h.Get("Sec-Fetch-Site"); got != c.want || (h.Values("Sec-Fetch-Mode") == nil) != (c.want == "") {
			t.Errorf("%s to %v: %q, not %q", c.page, c.way, got, c.want)
		}
	}
}
