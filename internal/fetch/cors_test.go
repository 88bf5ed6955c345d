package fetch

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const page, server = "https://a.example/", "https://b.example/to"

// TestCORSCheck is Fetch, "CORS check", with what "CORS protocol and credentials" tells of it.
func TestCORSCheck(t *testing.T) {
	w := newWorld(t)
	const origin, allow = "Access-Control-Allow-Origin: ", "Access-Control-Allow-Credentials: "
	for _, c := range []struct {
		credentials string
		header      []string
		want        bool
	}{
		{"omit", nil, false},
		{"omit", []string{origin + "*"}, true},
		{"same-origin", []string{origin + "*"}, true},
		{"omit", []string{origin + "*", allow + "true"}, true},
		{"omit", []string{origin + "https://a.example/"}, false},
		{"omit", []string{origin + "https://A.example"}, false},
		{"omit", []string{origin + "https://a.example:443"}, false},
		{"omit", []string{origin + "https://a.example"}, true},
		{"omit", []string{origin + "null"}, false},
		{"omit", []string{origin}, false},
		{"omit", []string{origin + "*, *"}, false},
		{"omit", []string{origin + "*", origin + "*"}, false},
		{"omit", []string{origin + "https://a.example", origin + "https://b.example"}, false},
		{"include", []string{origin + "*", allow + "true"}, false},
		{"include", []string{origin + "https://a.example"}, false},
		{"include", []string{origin + "https://a.example", allow + "true"}, true},
		{"include", []string{origin + "https://a.example", allow + "True"}, false},
		{"include", []string{origin + "https://a.example", allow + "true", allow + "true"}, false},
		{"include", []string{origin + "null", allow + "true"}, false},
	} {
		w.on(server, 200, c.header...)
		res, err := w.do(Request{Page: &Page{URL: page}, Method: "POST", URL: server, Mode: "cors", Credentials: c.credentials})
		if c.want && (err != nil || res.Type != "cors" || res.Status != 200) || !c.want && (!isBlocked(err) || res.Header != nil) {
			t.Errorf("%s %q: %+v %v", c.credentials, c.header, res, err)
		}
		if err != nil && err.(*BlockedError).Status != 200 {
			t.Errorf("the server had it, and that is not told: %+v", err)
		}
		if came := w.visits(); len(came) != 1 || came[0].method != "POST" {
			t.Errorf("a simple request needs no preflight: %v", came)
		}
	}
}

// TestPreflight is Fetch, "CORS-preflight fetch", of a request with the method PUT, the
// headers X-B and X-A, and, where it says so, an Authorization.
func TestPreflight(t *testing.T) {
	w := newWorld(t)
	const methods, names = "Access-Control-Allow-Methods: ", "Access-Control-Allow-Headers: "
	for _, c := range []struct {
		credentials, method string
		authorization       bool
		status              int
		header              []string
		why                 string // "" if it may
	}{
		{"include", "PUT", false, 200, []string{methods + "PUT", names + "x-a, x-b"}, ""},
		{"include", "PUT", false, 204, []string{methods + "GET, PUT,", names + "X-A", names + ",X-B"}, ""},
		{"include", "PUT", false, 299, []string{methods + "PUT", names + "x-a,x-b"}, ""},
		{"include", "PUT", false, 304, []string{methods + "PUT", names + "x-a,x-b"}, "304"},
		{"include", "PUT", false, 307, []string{methods + "PUT", names + "x-a,x-b", "Location: https://c.example/"}, "307"},
		{"include", "PUT", false, 403, []string{methods + "PUT", names + "x-a,x-b"}, "403"},
		{"include", "PUT", false, 200, []string{methods + "put", names + "x-a,x-b"}, "method PUT"},
		{"include", "PUT", false, 200, []string{names + "x-a,x-b"}, "method PUT"},
		{"include", "POST", false, 200, []string{names + "x-a,x-b"}, ""},
		{"include", "PUT", false, 200, []string{methods + "PUT", names + "x-a"}, "header x-b"},
		{"include", "PUT", false, 200, []string{methods + "PUT"}, "header x-a"},
		{"include", "PUT", false, 200, []string{methods + "*", names + "x-a,x-b"}, "method PUT"},
		{"include", "PUT", false, 200, []string{methods + "PUT", names + "*"}, "header x-a"},
		{"omit", "PUT", false, 200, []string{methods + "*", names + "*"}, ""},
		{"same-origin", "PUT", false, 200, []string{methods + "*", names + "*"}, ""},
		{"omit", "PUT", true, 200, []string{methods + "*", names + "*"}, "header authorization"},
		{"omit", "PUT", true, 200, []string{methods + "*", names + "*, Authorization"}, ""},
		{"omit", "PUT", false, 200, []string{methods + "P UT", names + "*"}, "list"},
		{"omit", "PUT", false, 200, []string{methods + "*", names + "x a"}, "list"},
	} {
		w.on(server, 200, "Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true")
		answer := w.routes[server]
		w.on(server, c.status, append(c.header, "Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Set-Cookie: preflight=1")...)
		preflight := w.routes[server]
		w.routes[server] = func(out http.ResponseWriter, r *http.Request) {
			if r.Method == "OPTIONS" {
				preflight(out, r)
			} else {
				answer(out, r)
			}
		}
		q := Request{Page: &Page{URL: page + "p"}, Method: c.method, URL: server, Mode: "cors", Credentials: c.credentials, Body: []byte("x"),
			Header: http.Header{"X-B": {"1"}, "X-A": {"1"}, "Content-Type": {"text/plain"}},
			Agent:  http.Header{"User-Agent": {"agent/1"}, "Cookie": {"no=1"}}}
		asked := "x-a,x-b"
		if c.authorization {
			q.Header.Set("Authorization", "secret")
			asked = "authorization,x-a,x-b"
		}
		res, err := w.do(q)
		came := w.visits()
		if c.why == "" && (err != nil || res.Type != "cors" || len(came) != 2 || came[1].method != c.method || came[1].body != "x") ||
			c.why != "" && (!isBlocked(err) || !strings.Contains(err.Error(), c.why) || len(came) != 1 || err.(*BlockedError).Status != 0) {
			t.Errorf("%s %s %d %q: %v, %v", c.credentials, c.method, c.status, c.header, err, came)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
		want := map[string]string{
			"Accept": "*/*", "Access-Control-Request-Method": c.method, "Access-Control-Request-Headers": asked, "Origin": "https://a.example",
			"Referer": "https://a.example/", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site", "User-Agent": "agent/1",
		}
		if got := came[0]; got.method != "OPTIONS" || got.body != "" || fmt.Sprint(flat(got.header)) != fmt.Sprint(want) {
			t.Errorf("the preflight: %v", got)
		}
	}
}

func flat(h http.Header) map[string]string {
	m := map[string]string{}
	for name, values := range h {
		m[name] = strings.Join(values, "|")
	}
	return m
}

// The headers of the user agent's own are not the page's to ask for.
func TestAgentHeadersNeedNoPreflight(t *testing.T) {
	w := newWorld(t)
	w.on(server, 200, "Access-Control-Allow-Origin: *")
	w.must(Request{Page: &Page{URL: page}, Method: "GET", URL: server, Mode: "cors", Agent: http.Header{"Idempotency-Key": {`"k"`}}})
	if came := w.visits(); len(came) != 1 || came[0].header.Get("Idempotency-Key") != `"k"` {
		t.Errorf("%v", came)
	}
	w.must(Request{Page: &Page{URL: page}, Method: "GET", URL: page, Header: http.Header{"accept": {"a"}}, Agent: http.Header{"accept": {"b"}, "user-agent": {"u"}}})
	if h := w.visits()[0].header; strings.Join(h["Accept"], ",") != "a" || h.Get("User-Agent") != "u" {
		t.Errorf("the page's own come first: %v", h)
	}
}

// TestFilteredResponses is Fetch, "filtered response".
func TestFilteredResponses(t *testing.T) {
	w := newWorld(t)
	const all = "Cache-Control Content-Language Content-Length Content-Type Expires Last-Modified Pragma"
	header := []string{
		"Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Cache-Control: no-store",
		"Content-Language: de", "Content-Length: 0", "Content-Type: text/plain", "Expires: 0", "Last-Modified: x", "Pragma: x",
		"Set-Cookie: a=b", "Set-Cookie2: a=b", "X-Own: 1", "Date: x",
	}
	for _, c := range []struct{ to, mode, credentials, expose, want string }{
		{page, "cors", "include", "", "all"},
		{server, "cors", "include", "", all},
		{server, "cors", "include", "x-own, set-cookie, X-None", all + " X-Own"},
		{server, "cors", "include", "*", all},
		{server, "cors", "omit", "*", "all"},
		{server, "cors", "omit", "x-own, x own", all},
		{server, "no-cors", "include", "*", ""},
	} {
		w.on(c.to, 418, append(header, "Access-Control-Expose-Headers: "+c.expose)...)
		res := w.must(Request{Page: &Page{URL: page}, Method: "GET", URL: c.to, Mode: c.mode, Credentials: c.credentials, ReadBody: 10})
		want := c.want
		if want == "all" {
			want = all + " Access-Control-Allow-Origin Access-Control-Allow-Credentials X-Own Date Access-Control-Expose-Headers"
		}
		for name := range strings.FieldsSeq(want) {
			if res.Header[name] == nil {
				t.Errorf("%v: %s is not shown", c, name)
			}
		}
		if n := len(strings.Fields(want)); len(res.Header) != n {
			t.Errorf("%v: %d are shown and not %d: %v", c, len(res.Header), n, res.Header)
		}
		if res.Status != 418 || c.want == "" && (res.URL != "" || res.StatusText != "" || res.Body != nil) || c.want != "" && (res.URL != c.to || res.StatusText != "I'm a teapot") {
			t.Errorf("%v: %+v", c, res)
		}
	}
}

// TestResourcePolicy is Fetch, "cross-origin resource policy check".
func TestResourcePolicy(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		page, to, policy string
		want             bool
	}{
		{"https://a.example/", "https://b.example/", "", true},
		{"https://a.example/", "https://b.example/", "same-origin", false},
		{"https://a.example/", "https://b.example/", "Same-Origin", true}, // no policy
		{"https://a.example/", "https://b.example/", "cross-origin", true},
		{"https://a.example/", "https://b.example/", "same-site", false},
		{"https://a.example/", "https://x.a.example/", "same-site", true},
		{"https://a.example/", "https://x.a.example/", "same-origin", false},
		{"http://a.example/", "https://x.a.example/", "same-site", false},
		{"http://a.example/", "http://x.a.example/", "same-site", true},
		{"https://a.example/", "https://a.example/", "same-origin", true},
	} {
		w.on(c.to, 200, "Cross-Origin-Resource-Policy: "+c.policy)
		if _, err := w.do(beacon(&Page{URL: c.page}, c.to)); (err == nil) != c.want || isBlocked(err) == c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestTheBodyIsReadOnRequestAndBounded(t *testing.T) {
	w := newWorld(t)
	w.routes[page] = func(out http.ResponseWriter, r *http.Request) { fmt.Fprint(out, "0123456789") }
	for _, c := range []struct {
		bound int64
		want  string
		ok    bool
	}{{0, "", true}, {9, "", false}, {10, "0123456789", true}, {1 << 40, "0123456789", true}} {
		res, err := w.do(Request{Page: &Page{URL: page}, Method: "GET", URL: page, ReadBody: c.bound})
		if string(res.Body) != c.want || (err == nil) != c.ok || isBlocked(err) {
			t.Errorf("%d: %q %v", c.bound, res.Body, err)
		}
	}
}
