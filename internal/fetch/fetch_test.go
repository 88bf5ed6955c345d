package fetch

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A seen is a request as a server saw it.
type seen struct {
	method, uri, proto, body string
	header                   http.Header
}

func serve(t *testing.T, tls bool, handler http.HandlerFunc) (*httptest.Server, *[]seen) {
	t.Helper()
	var requests []seen
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests = append(requests, seen{r.Method, r.RequestURI, r.Proto, string(body), r.Header})
		handler(w, r)
	}))
	s.EnableHTTP2 = tls
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, &requests
}

func post(to string) Request {
	return Request{Method: "POST", URL: to, Body: []byte("hello"), Header: http.Header{
		"Content-Type": {"text/plain"}, "Authorization": {"Bearer x"}, "Idempotency-Key": {`"k"`}, "User-Agent": {"beacon-go"},
	}}
}

func TestHTTP1AndHTTP2(t *testing.T) {
	for _, tls := range []bool{false, true} {
		s, requests := serve(t, tls, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
		c := NewClient(8, nil)
		if tls {
			c = NewClient(8, s.Client().Transport.(*http.Transport).TLSClientConfig)
		}
		res, err := c.Do(t.Context(), post(s.URL+"/x?y"))
		if err != nil || res.Status != 204 {
			t.Fatal(res, err)
		}
		got := (*requests)[0]
		want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[tls]
		if got.proto != want || got.method != "POST" || got.body != "hello" || got.uri != "/x?y" || got.header.Get("Idempotency-Key") != `"k"` {
			t.Errorf("%+v", got)
		}
	}
}

// TestRedirects is Fetch, "HTTP-redirect fetch".
func TestRedirects(t *testing.T) {
	for _, c := range []struct {
		status             int
		method, body, kind string
	}{
		{301, "GET", "", ""},
		{302, "GET", "", ""},
		{303, "GET", "", ""},
		{307, "POST", "hello", "text/plain"},
		{308, "POST", "hello", "text/plain"},
	} {
		s, requests := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/a/from" {
				w.Header().Set("Location", "../to?z=1#part")
				w.WriteHeader(c.status)
				return
			}
			w.WriteHeader(204)
		})
		res, err := NewClient(8, nil).Do(t.Context(), post(s.URL+"/a/from"))
		if err != nil || res.Status != 204 || len(*requests) != 2 || res.Dropped != (c.body == "") {
			t.Fatalf("%d: %v %v %v", c.status, res, err, *requests)
		}
		got := (*requests)[1]
		if got.method != c.method || got.body != c.body || got.uri != "/to?z=1" || got.header.Get("Content-Type") != c.kind || got.header.Get("Authorization") != "Bearer x" {
			t.Errorf("%d: %+v", c.status, got)
		}
	}
}

func TestARedirectToAnotherOriginDropsAuthorization(t *testing.T) {
	other, requests := serve(t, false, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	s, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", other.URL+"/there")
		w.WriteHeader(307)
	})
	q := post(s.URL)
	q.Header["x-key"] = []string{"in another case"}
	if _, err := NewClient(8, nil).Do(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if got := (*requests)[0]; got.header.Get("Authorization")+got.header.Get("X-Key") != "" || got.body != "hello" || got.header.Get("Idempotency-Key") == "" {
		t.Errorf("%+v", got)
	}
}

// TestHeadersKeepToTheirOrigin: a redirect to another server, even on the same host, does not pass the
// program's headers on.
func TestHeadersKeepToTheirOrigin(t *testing.T) {
	for location, same := range map[string]bool{
		"/b": true, "http://a/b": true, "http://a:80/b": true, "http://u:p@a/b": true,
		"https://a/b": false, "http://a:81/b": false, "http://b/b": false, "//sub.a/b": false,
	} {
		q := post("http://a/x")
		q.Header.Set("X-Write-Key", "secret")
		next, err := redirect(q, &http.Response{StatusCode: 307, Header: http.Header{"Location": {location}}})
		if err != nil {
			t.Fatal(err)
		}
		for name := range q.Header {
			of := name == "Content-Type" || name == "Idempotency-Key" || name == "User-Agent" // the beacon itself
			if got := next.Header.Get(name) != ""; got != (same || of) {
				t.Errorf("%s: %s goes along: %v", location, name, got)
			}
		}
	}
}

func TestRedirectsThatAreNetworkErrors(t *testing.T) {
	for location, want := range map[string]string{
		"/again": "more than 20", "ftp://example.com/": "scheme", "data:,x": "scheme", "http://[": "no URL",
	} {
		s, requests := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(308)
		})
		_, err := NewClient(8, nil).Do(t.Context(), post(s.URL))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", location, err)
		}
		if location == "/again" && len(*requests) != 21 {
			t.Errorf("%d requests", len(*requests))
		}
	}
	s, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(302) })
	if res, err := NewClient(8, nil).Do(t.Context(), post(s.URL)); err != nil || res.Status != 302 {
		t.Errorf("without a Location: %v %v", res, err)
	}
}

// Browsers accept URLs that net/url refuses, and write others than it would.
func TestThePathGoesOutAsItStands(t *testing.T) {
	s, requests := serve(t, false, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	for _, path := range []string{"/", "/a|b", "//x", "/a?b=%zz", "/%E4", "/a?x=[1]&y={}", "/a;b=c", "/'\"", "/a%2Fb"} {
		*requests = nil
		_, err := NewClient(8, nil).Do(t.Context(), post(s.URL+path))
		if err != nil || len(*requests) != 1 {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := (*requests)[0].uri; got != path {
			t.Errorf("%s came as %s", path, got)
		}
	}
}

func TestAnAnswerThatNeverEndsIsNotWaitedFor(t *testing.T) {
	for name, answer := range map[string]string{
		"a change of protocol": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
		"a stream":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"a body without end":   "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nhello",
	} {
		s, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(conn, answer)
			t.Cleanup(func() { conn.Close() })
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if _, err := NewClient(8, nil).Do(ctx, post(s.URL)); err != nil || ctx.Err() != nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

func TestCredentialsInTheURL(t *testing.T) {
	s, requests := serve(t, false, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	q := post(strings.Replace(s.URL, "://", "://ada:s%40cret@", 1))
	q.Header.Del("Authorization")
	if _, err := NewClient(8, nil).Do(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	r := http.Request{Header: (*requests)[0].header}
	if user, password, _ := r.BasicAuth(); user != "ada" || password != "s@cret" {
		t.Errorf("%q %q", user, password)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestThroughAProxy(t *testing.T) {
	proxy, requests := serve(t, false, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	c := NewClient(8, nil)
	for _, path := range []string{"/x", "/a|b"} {
		*requests = nil
		q := post("http://collector.example" + path)
		q.Network.Proxy = Proxy(proxy.URL)
		if _, err := c.Do(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if got := (*requests)[0].uri; got != "http://collector.example"+path {
			t.Errorf("the proxy was asked for %s", got)
		}
	}
	q := post(proxy.URL + "/direct")
	q.Network.Proxy = NoProxy
	if _, err := c.Do(t.Context(), q); err != nil || (*requests)[len(*requests)-1].uri != "/direct" {
		t.Errorf("%v %v", err, *requests)
	}
}
