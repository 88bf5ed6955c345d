package fetch

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestRedirectsOfAPage is Fetch, "HTTP-redirect fetch", in every mode in which it follows.
func TestRedirectsOfAPage(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		status             int
		method             string
		then, body, header string
	}{
		{301, "POST", "GET", "", ""},
		{302, "POST", "GET", "", ""},
		{303, "POST", "GET", "", ""},
		{307, "POST", "POST", "hello", "text/plain"},
		{308, "POST", "POST", "hello", "text/plain"},
		{301, "PUT", "PUT", "hello", "text/plain"},
		{302, "PUT", "PUT", "hello", "text/plain"},
		{303, "PUT", "GET", "", ""},
		{303, "GET", "GET", "", ""},
		{303, "HEAD", "HEAD", "", ""},
	} {
		q := Request{Page: &Page{URL: "https://a.example/"}, Method: c.method, URL: "https://a.example/from", Mode: "cors", Header: http.Header{
			"Content-Type": {"text/plain"}, "Content-Language": {"de"}, "Content-Encoding": {"x"}, "Content-Location": {"x"}, "Authorization": {"x"},
		}}
		if c.method != "GET" && c.method != "HEAD" {
			q.Body = []byte("hello")
		}
		w.on("https://a.example/from", c.status, "Location: to?z=1#part")
		res := w.must(q)
		came := w.visits()
		got := came[1]
		dropped := c.method != c.then
		if got.method != c.then || got.body != c.body || got.url != "https://a.example/to?z=1" || got.header.Get("Authorization") != "x" ||
			c.header != "" && got.header.Get("Content-Type") != c.header ||
			dropped && (got.header.Get("Content-Type")+got.header.Get("Content-Language")+got.header.Get("Content-Encoding")+got.header.Get("Content-Location") != "") {
			t.Errorf("%d %s: %+v", c.status, c.method, got)
		}
		if res.Dropped != dropped || !res.Redirected || res.URL != "https://a.example/to?z=1" || res.Type != "basic" {
			t.Errorf("%d %s: %+v", c.status, c.method, res)
		}
		if c.then == "GET" && got.header.Get("Origin") != "" {
			t.Errorf("%d %s: a GET of the same origin has the Origin %s", c.status, c.method, got.header.Get("Origin"))
		}
	}
}

func TestWhereARedirectMayNotGo(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, mode, redirect, credentials string
		from                              string
		header                            []string
		why                               string
	}{
		{"a scheme", "no-cors", "follow", "include", server, []string{"Location: ftp://b.example/"}, "ftp"},
		{"a data URL", "no-cors", "follow", "include", server, []string{"Location: data:,x"}, "data"},
		{"no URL", "no-cors", "follow", "include", server, []string{"Location: http://["}, "no URL"},
		{"two places", "no-cors", "follow", "include", server, []string{"Location: /a", "Location: /a"}, "no URL"},
		{"for ever", "no-cors", "follow", "include", server, []string{"Location: " + server}, "20"},
		{"nowhere at all", "no-cors", "follow", "include", server, []string{"Location: "}, "20"},
		{"anywhere", "cors", "error", "include", page, []string{"Location: /a"}, "redirect"},
		{"out of same-origin", "same-origin", "follow", "include", page, []string{"Location: " + server}, "same-origin"},
		{"from https to http", "no-cors", "follow", "include", server, []string{"Location: http://b.example/"}, "mixed content"},
		{"a bad port", "no-cors", "follow", "include", server, []string{"Location: https://b.example:6000/"}, "bad port"},
		{"with a password, cors", "cors", "follow", "omit", page, []string{"Location: https://u:p@b.example/"}, "password"},
		{"with a user, cors, and home", "cors", "follow", "omit", server, []string{"Location: https://u@a.example/", "Access-Control-Allow-Origin: *"}, "password"},
		{"unseen by CORS", "cors", "follow", "include", server, []string{"Location: " + page}, "CORS"},
		{"unseen by another's policy", "no-cors", "follow", "include", server, []string{"Location: " + page, "Cross-Origin-Resource-Policy: same-origin"}, "Resource-Policy"},
	} {
		w.on(c.from, 307, c.header...)
		_, err := w.do(Request{Page: &Page{URL: page}, Method: "GET", URL: c.from, Mode: c.mode, Redirect: c.redirect, Credentials: c.credentials})
		came := w.visits()
		want := 1
		if c.why == "20" {
			want = 21
		}
		if !isBlocked(err) || !strings.Contains(err.Error(), c.why) || len(came) != want || err.(*BlockedError).Status != 0 {
			t.Errorf("%s: %v, %d requests", c.name, err, len(came))
		}
	}
}

func TestWhereARedirectMayGo(t *testing.T) {
	w := newWorld(t)
	w.on(page, 307, "Location: https://u:p@a.example/to")
	w.must(Request{Page: &Page{URL: page}, Method: "GET", URL: page, Mode: "cors"}) // its own origin
	if h := w.visits()[1].header; h.Get("Authorization") != "" {
		t.Errorf("nobody asked for %v", h)
	}
	w.on(server, 307, "Location: https://u:p@c.example/")
	w.must(beacon(&Page{URL: page}, server)) // not cors
	w.visits()

	w.on(page, 302)
	if res := w.must(Request{Page: &Page{URL: page}, Method: "GET", URL: page, Mode: "cors"}); res.Status != 302 || res.Type != "basic" {
		t.Errorf("without a Location: %+v", res)
	}
	w.on(page, 302, "Location: /to", "X-Secret: 1")
	res := w.must(Request{Page: &Page{URL: page}, Method: "GET", URL: page, Mode: "cors", Redirect: "manual", ReadBody: 9})
	if came := w.visits(); res.Type != "opaqueredirect" || res.Header != nil || res.URL != page || len(came) != 2 {
		t.Errorf("manual: %+v %v", res, came)
	}
}

// TestRedirectTaint is Fetch, "redirect-taint": the Origin of a POST that went along these.
func TestRedirectTaint(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		mode string
		way  string
		want string // Origins, one a request
	}{
		{"no-cors", "a a", "a a"},
		{"no-cors", "a b", "a a"},
		{"no-cors", "b a", "a null"},
		{"no-cors", "b b", "a a"},
		{"no-cors", "b c", "a null"},
		{"no-cors", "a b b c", "a a a null"},
		{"no-cors", "b c a a", "a null null null"},
		{"cors", "a b", "a a"},
		{"cors", "b a", "a null"},
		{"cors", "b b", "a a"},
		{"cors", "b c c", "a null null"},
	} {
		name := func(i int) string { return fmt.Sprintf("https://%s.example/%d", strings.Fields(c.way)[i], i) }
		n := len(strings.Fields(c.way))
		for i := range n {
			w.mu.Lock()
			w.routes[name(i)] = func(out http.ResponseWriter, r *http.Request) {
				out.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
				if i < n-1 {
					out.Header().Set("Location", name(i+1))
					out.WriteHeader(307)
				}
			}
			w.mu.Unlock()
		}
		q := beacon(&Page{URL: "https://a.example/"}, name(0))
		q.Mode, q.Credentials = c.mode, "omit"
		w.must(q)
		var got []string
		for _, v := range w.visits() {
			got = append(got, strings.TrimSuffix(strings.TrimPrefix(v.header.Get("Origin"), "https://"), ".example"))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s along %s: %v, not %s", c.mode, c.way, got, c.want)
		}
	}
}

// What became cors stays it, back at the page's own origin, which has to allow null then.
func TestACORSRequestThatComesHome(t *testing.T) {
	w := newWorld(t)
	w.on(server, 307, "Location: "+page, "Access-Control-Allow-Origin: *")
	q := Request{Page: &Page{URL: page}, Method: "GET", URL: server, Mode: "cors"}
	if _, err := w.do(q); !isBlocked(err) {
		t.Error(err)
	}
	w.on(page, 200, "Access-Control-Allow-Origin: null", "X-Own: 1")
	if res := w.must(q); res.Type != "cors" || res.Header.Get("X-Own") != "" {
		t.Errorf("%+v", res)
	}
}

// A request that needs a preflight needs one at each origin.
func TestAPreflightAtEachOrigin(t *testing.T) {
	w := newWorld(t)
	allow := func(origin string) []string {
		return []string{"Access-Control-Allow-Origin: " + origin, "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Headers: content-type"}
	}
	w.on("https://b.example/", 307, append(allow("https://a.example"), "Location: https://c.example/")...)
	w.mu.Lock()
	redirects := w.routes["https://b.example/"]
	w.routes["https://b.example/"] = func(out http.ResponseWriter, r *http.Request) {
		if r.Method == "OPTIONS" {
			out.Header().Set("Access-Control-Allow-Origin", "https://a.example")
			out.Header().Set("Access-Control-Allow-Credentials", "true")
			out.Header().Set("Access-Control-Allow-Headers", "content-type")
			return
		}
		redirects(out, r)
	}
	w.mu.Unlock()
	w.on("https://c.example/", 200, allow("null")...)
	w.must(jsonBeacon(&Page{URL: "https://a.example/"}, "https://b.example/"))
	var got []string
	for _, v := range w.visits() {
		got = append(got, v.method+" "+v.url+" "+v.header.Get("Origin"))
	}
	want := []string{"OPTIONS https://b.example/ https://a.example", "POST https://b.example/ https://a.example", "OPTIONS https://c.example/ null", "POST https://c.example/ null"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// Another origin gets neither the page's Authorization nor the secrets of the program.
func TestWhatAnotherOriginIsNotTold(t *testing.T) {
	w := newWorld(t)
	w.on(page, 307, "Location: "+server)
	w.on(server, 307, "Location: "+page+"home", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: x-own, authorization")
	w.mu.Lock()
	redirects := w.routes[server]
	w.routes[server] = func(out http.ResponseWriter, r *http.Request) {
		if r.Method == "OPTIONS" {
			out.Header().Set("Access-Control-Allow-Origin", "*")
			out.Header().Set("Access-Control-Allow-Headers", "x-own")
			return
		}
		redirects(out, r)
	}
	w.mu.Unlock()
	w.on(page+"home", 200, "Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: x-own")
	w.must(Request{Page: &Page{URL: page}, Method: "POST", URL: page, Mode: "cors",
		Header: http.Header{"Authorization": {"x"}, "X-Own": {"1"}}, Agent: http.Header{"x-key": {"k"}, "User-Agent": {"u"}, "Idempotency-Key": {"i"}}})
	var way []string
	for i, v := range w.visits() {
		if way = append(way, v.method+" "+v.url); v.method == "OPTIONS" {
			continue
		}
		secret := v.header.Get("Authorization") + v.header.Get("X-Key")
		if (i == 0) != (secret == "xk") || i > 0 && secret != "" || v.header.Get("User-Agent") != "u" || v.header.Get("Idempotency-Key") != "i" || v.header.Get("X-Own") != "1" {
			t.Errorf("%s: %v", v.url, v.header)
		}
	}
	// At home again it is still cors, and asks.
	if want := []string{"POST " + page, "OPTIONS " + server, "POST " + server, "OPTIONS " + page + "home", "POST " + page + "home"}; !slices.Equal(way, want) {
		t.Errorf("%v", way)
	}
}
