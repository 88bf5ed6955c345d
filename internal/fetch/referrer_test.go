package fetch

import (
	"strings"
	"testing"
)

// TestReferrerAndOrigin is Referrer Policy, "Determine request's Referrer", and Fetch, "append
// a request Origin header", of a POST from https://a.example/p?q.
func TestReferrerAndOrigin(t *testing.T) {
	const whole, origin = "https://a.example/p?q", "https://a.example/"
	w := newWorld(t)
	for _, c := range []struct {
		policy                   string
		same, cross, downgrade   string // the Referer to the same origin, to another one, and from https to http
		originCross, originLower string // the Origin to another one, and from https to http
	}{
		{"no-referrer", "", "", "", "null", "null"},
		{"no-referrer-when-downgrade", whole, whole, "", "https://a.example", "null"},
		{"same-origin", whole, "", "", "null", "null"},
		{"origin", origin, origin, origin, "https://a.example", "https://a.example"},
		{"strict-origin", origin, origin, "", "https://a.example", "null"},
		{"origin-when-cross-origin", whole, origin, origin, "https://a.example", "https://a.example"},
		{"strict-origin-when-cross-origin", whole, origin, "", "https://a.example", "null"},
		{"unsafe-url", whole, whole, whole, "https://a.example", "https://a.example"},
		{"", whole, origin, "", "https://a.example", "null"},
		{"nonsense", whole, origin, "", "https://a.example", "null"},
	} {
		for to, want := range map[string][2]string{
			"https://a.example/to": {c.same, map[bool]string{true: "null", false: "https://a.example"}[c.policy == "no-referrer"]},
			"https://b.example/to": {c.cross, c.originCross},
			"http://a.example/to":  {c.downgrade, c.originLower},
		} {
			q := beacon(&Page{URL: "https://ada:s3cret@a.example/p?q#part", ReferrerPolicy: c.policy}, to)
			if strings.HasPrefix(to, "http:") {
				// Mixed Content lets it not leave: it is asked what it would have said.
				f := newFetchingFor(t, q)
				f.tainting = "opaque"
				if got := determineReferrer(f.policy, f.referrer, f.url()); got != want[0] {
					t.Errorf("%s to %s: Referer %q, not %q", c.policy, to, got, want[0])
				}
				if got := f.originHeader(); got != want[1] {
					t.Errorf("%s to %s: Origin %q, not %q", c.policy, to, got, want[1])
				}
				continue
			}
			w.must(q)
			h := w.visits()[0].header
			if h.Get("Referer") != want[0] || h.Get("Origin") != want[1] {
				t.Errorf("%s to %s: Referer %q, not %q; Origin %q, not %q", c.policy, to, h.Get("Referer"), want[0], h.Get("Origin"), want[1])
			}
		}
	}
}

// TestTheOriginOfOthers has the cases that are not in the table above.
func TestTheOriginOfOthers(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, page, policy, mode, method, to, want string }{
		{"http to http is no downgrade", "http://a.example/", "strict-origin", "no-cors", "POST", "http://b.example/", "http://a.example"},
		{"loopback to http is none", "http://127.0.0.1:1/", "strict-origin", "no-cors", "POST", "http://b.example/", "http://127.0.0.1:1"},
		{"cors has opted in, at home", "https://a.example/", "no-referrer", "cors", "POST", "https://a.example/", "https://a.example"},
		{"cors has opted in, elsewhere", "https://a.example/", "no-referrer", "cors", "GET", "https://b.example/", "https://a.example"},
		{"same-origin has not", "https://a.example/", "no-referrer", "same-origin", "POST", "https://a.example/", "null"},
		{"a GET at home", "https://a.example/", "", "cors", "GET", "https://a.example/", ""},
		{"a GET without cors", "https://a.example/", "", "no-cors", "GET", "https://b.example/", ""},
		{"a PUT at home", "https://a.example/", "", "cors", "PUT", "https://a.example/", "https://a.example"},
		{"a blob's page", "blob:https://a.example/1", "", "no-cors", "POST", "https://a.example/", "https://a.example"},
		{"a file's page", "file:///p", "", "no-cors", "POST", "https://a.example/", "null"},
		{"a sandboxed page", "https://a.example/", "", "no-cors", "POST", "https://a.example/", "null"},
		{"a default port", "https://a.example:443/", "", "no-cors", "POST", "https://b.example/", "https://a.example"},
		{"another port", "https://a.example:8443/", "", "no-cors", "POST", "https://b.example/", "https://a.example:8443"},
	} {
		p := &Page{URL: c.page, ReferrerPolicy: c.policy}
		if strings.Contains(c.name, "sandboxed") {
			p.Origin = "null"
		}
		w.on(c.to, 200, "Access-Control-Allow-Origin: "+c.want)
		w.must(Request{Page: p, Method: c.method, URL: c.to, Mode: c.mode})
		if got := w.visits()[0].header.Get("Origin"); got != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}

func newFetchingFor(t *testing.T, q Request) *fetching {
	t.Helper()
	f, err := newFetching(nil, q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A downgrade counts from trustworthy to not: loopback hosts are trustworthy without https.
func TestADowngradeFromLoopback(t *testing.T) {
	w := newWorld(t)
	for to, want := range map[string]string{
		"http://b.example/":      "",
		"http://b.localhost/":    "http://127.0.0.1:8080/",
		"http://127.9.9.9/":      "http://127.0.0.1:8080/",
		"http://[::1]/":          "http://127.0.0.1:8080/",
		"https://b.example/":     "http://127.0.0.1:8080/",
		"http://127.0.0.1:8080/": "http://127.0.0.1:8080/p",
	} {
		w.must(beacon(&Page{URL: "http://127.0.0.1:8080/p"}, to))
		if got := w.visits()[0].header.Get("Referer"); got != want {
			t.Errorf("to %s: %q, not %q", to, got, want)
		}
	}
}

func TestTheReferrersSource(t *testing.T) {
	w := newWorld(t)
	long := "https://a.example/" + strings.Repeat("x", maxReferrer)
	for _, c := range []struct {
		name, url, origin, referrer, policy, want string
	}{
		{"the page's", "https://a.example/p", "", "", "unsafe-url", "https://a.example/p"},
		{"none", "https://a.example/p", "", NoReferrer, "unsafe-url", ""},
		{"another of its origin", "https://a.example/p", "", "https://a.example/other#x", "unsafe-url", "https://a.example/other"},
		{"of another origin", "https://a.example/p", "", "https://b.example/other", "unsafe-url", "https://a.example/p"},
		{"no URL", "https://a.example/p", "", "::", "unsafe-url", "https://a.example/p"},
		{"an opaque origin's", "https://a.example/p", "null", "", "unsafe-url", ""},
		{"of no document on a server", "about:blank", "https://a.example", "", "unsafe-url", ""},
		{"of 4096 characters", long[:maxReferrer], "", "", "unsafe-url", long[:maxReferrer]},
		{"of 4097 characters", long[:maxReferrer+1], "", "", "unsafe-url", "https://a.example/"},
		{"with a query that is empty", "https://a.example/p?", "", "", "unsafe-url", "https://a.example/p?"},
	} {
		q := beacon(&Page{URL: c.url, Origin: c.origin, ReferrerPolicy: c.policy}, "https://b.example/")
		q.Referrer = c.referrer
		w.must(q)
		if got := w.visits()[0].header.Get("Referer"); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// TestReferrerPolicyOnRedirect is Referrer Policy, "Set request's referrer policy on redirect".
func TestReferrerPolicyOnRedirect(t *testing.T) {
	w := newWorld(t)
	for value, want := range map[string]string{
		"":                             "https://a.example/p",
		"no-referrer":                  "",
		"origin":                       "https://a.example/",
		"origin, no-referrer":          "",
		"no-referrer, Origin":          "https://a.example/",
		"no-referrer, new-policy":      "",
		"no-referrer\nunsafe-url":      "https://a.example/p",
		" , ,":                         "https://a.example/p",
		"no-referrer-when-downgrade, ": "https://a.example/p",
	} {
		header := []string{"Location: /to"}
		for line := range strings.SplitSeq(value, "\n") {
			header = append(header, "Referrer-Policy: "+line)
		}
		w.on("https://b.example/", 307, header...)
		w.must(beacon(&Page{URL: "https://a.example/p", ReferrerPolicy: "unsafe-url"}, "https://b.example/"))
		if got := w.visits()[1].header.Get("Referer"); got != want {
			t.Errorf("%q: %q, not %q", value, got, want)
		}
	}
}

// What a hop took away of the referrer is not there for the next one.
func TestAReferrerDoesNotComeBack(t *testing.T) {
	w := newWorld(t)
	w.on("https://b.example/", 307, "Location: https://a.example/to", "Referrer-Policy: unsafe-url")
	w.must(beacon(&Page{URL: "https://a.example/p"}, "https://b.example/"))
	if got := w.visits()[1].header.Get("Referer"); got != "https://a.example/" {
		t.Errorf("%q", got)
	}
	w.must(beacon(&Page{URL: "https://a.example/p", ReferrerPolicy: "no-referrer"}, "https://b.example/"))
	if got := w.visits()[1].header.Get("Referer"); got != "" {
		t.Errorf("%q", got)
	}
}
