package navigator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/navigator"
)

// answer returns a handler that answers with a body and a header, one "Name: value" a line.
func answer(body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		io.WriteString(w, body)
	}
}

// The cases are those of the constructor in Fetch, "Request class".
func TestFetch_InvalidRequest_ReturnsTypeError(t *testing.T) {
	s := serve(t, nil)
	n := navigator.Navigator{Page: &navigator.Page{URL: s.URL + "/p/"}}
	for name, r := range map[string]navigator.Request{
		"URL that does not parse":    {URL: "http://["},
		"password in the URL":        {URL: strings.Replace(s.URL, "://", "://u:p@", 1)},
		"unknown mode":               {Mode: "navigate"},
		"unknown credentials":        {Credentials: "some"},
		"unknown redirect":           {Redirect: "maybe"},
		"referrer that is not a URL": {Referrer: "http://["},
		"unknown referrer policy":    {ReferrerPolicy: "all"},
		"unknown initiator":          {Initiator: "link"},
		"method with a space":        {Method: "P T"},
		"forbidden method":           {Method: "Trace"},
		"PUT in mode no-cors":        {Method: "PUT", Mode: "no-cors"},
		"GET with a body":            {Body: []byte{}},
		"space in a header's name":   {Header: http.Header{"a b": {"1"}}},
		"line end in a header":       {Header: http.Header{"A": {"1\n2"}}},
		"body over the quota":        {Method: "POST", Keepalive: true, Body: make([]byte, navigator.MaxBody+1)},
	} {
		if res, err := n.Fetch(t.Context(), &r); !isTypeError(err) || res != nil {
			t.Errorf("%s: got %v, %v; want nil, a TypeError", name, res, err)
		}
	}
	if got := s.received(); got != nil {
		t.Errorf("got the requests %q, want none", lines(got))
	}
}

func TestFetch_SameOrigin_ReturnsBasicResponse(t *testing.T) {
	s := serve(t, answer("hello", "X-Own: 1", "Set-Cookie: a=b"))
	n := navigator.Navigator{Page: &navigator.Page{URL: s.URL + "/p/q?r"}, Header: http.Header{"X-Key": {"k"}}}
	res, err := n.Fetch(t.Context(), &navigator.Request{URL: "../to#part", Method: "post", Body: []byte("x"), Header: http.Header{
		"x-page": {" 1 "}, "Cookie": {"no=1"}, "Sec-Any": {"1"}, "Host": {"other"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Type != "basic" || res.Status != 200 || res.StatusText != "OK" || res.URL != s.URL+"/to" || string(res.Body) != "hello" || res.Redirected {
		t.Errorf("got %+v, want a basic response 200 OK of %s/to with the body hello", res, s.URL)
	}
	if own, cookie := res.Header.Get("X-Own"), res.Header.Get("Set-Cookie"); own != "1" || cookie != "" {
		t.Errorf("the response has X-Own %q and Set-Cookie %q, want 1 and none", own, cookie)
	}
	got := s.received()
	if want := []string{"POST /to"}; !slices.Equal(lines(got), want) {
		t.Fatalf("got the requests %q, want %q", lines(got), want)
	}
	if got[0].body != "x" {
		t.Errorf("got the body %q, want x", got[0].body)
	}
	for name, want := range map[string]string{
		"X-Page": "1", "X-Key": "k", "User-Agent": "beacon-go", "Origin": s.URL, "Referer": s.URL + "/p/q?r",
		"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Cookie": "", "Sec-Any": "",
	} {
		if got := got[0].Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestFetch_OtherOrigin_ReturnsCORSResponse(t *testing.T) {
	s := serve(t, answer("hello", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: x-page", "X-Own: 1", "Content-Type: text/plain"))
	n := navigator.Navigator{Page: &navigator.Page{URL: s.localhost()}}
	res, err := n.Fetch(t.Context(), &navigator.Request{URL: s.URL, Header: http.Header{"X-Page": {"1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Type != "cors" || res.Header.Get("X-Own") != "" || res.Header.Get("Content-Type") != "text/plain" || string(res.Body) != "hello" {
		t.Errorf("got %+v, want a cors response with the Content-Type and without X-Own", res)
	}
	if got, want := lines(s.received()), []string{"OPTIONS /", "GET /"}; !slices.Equal(got, want) {
		t.Errorf("got the requests %q, want %q", got, want)
	}
	if res, err := n.Fetch(t.Context(), &navigator.Request{URL: s.URL, Credentials: "include"}); err == nil || isTypeError(err) || !strings.Contains(err.Error(), "CORS") {
		t.Errorf("with credentials, which * does not allow: got %+v, %v; want an error of CORS", res, err)
	}
}

func TestFetch_NoCORS_ReturnsOpaqueResponse(t *testing.T) {
	s := serve(t, answer("hello", "X-Own: 1"))
	n := navigator.Navigator{Page: &navigator.Page{URL: s.localhost()}}
	res, err := n.Fetch(t.Context(), &navigator.Request{URL: s.URL, Mode: "no-cors", Header: http.Header{
		"X-Page": {"1"}, "Accept": {"text/html", "x"}, "Content-Type": {"application/json"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Type != "opaque" || res.Status != 0 || res.StatusText != "" || res.URL != "" || len(res.Header) != 0 || res.Body != nil {
		t.Errorf("got %+v, want an opaque response without content", res)
	}
	h := s.next(t).Header
	if h.Get("X-Page") != "" || h.Get("Content-Type") != "" || len(h.Values("Accept")) != 2 {
		t.Errorf("got the header %v, want both values of Accept, no X-Page and no Content-Type", h)
	}
}

func TestFetch_SchemeIsNotHTTP_ReturnsNetworkError(t *testing.T) {
	n := navigator.Navigator{Page: &navigator.Page{URL: "http://shop.example/"}}
	if res, err := n.Fetch(t.Context(), &navigator.Request{URL: "data:,x"}); err == nil || isTypeError(err) {
		t.Errorf("got %+v, %v; want an error that is not a TypeError", res, err)
	}
}

// A preflight leaves only with a request that leaves.
func TestFetch_Intercepted_HookDecides(t *testing.T) {
	s := serve(t, nil)
	put := navigator.Request{URL: s.URL + "/to", Method: "put", Body: []byte("x"), Keepalive: true}
	for _, c := range []struct {
		name     string
		res      *navigator.Response
		err      error
		fails    bool
		requests []string
	}{
		{name: "answered", res: &navigator.Response{Type: "basic", Status: 200}},
		{name: "failed", err: errors.New("offline"), fails: true},
		{name: "opaque response for mode cors", res: &navigator.Response{Type: "opaque"}, fails: true},
		{name: "passed to a server that does not allow it", fails: true, requests: []string{"OPTIONS /to"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var seen *navigator.Request
			n := navigator.Navigator{Page: &navigator.Page{URL: s.localhost() + "/p", Intercept: func(_ context.Context, r *navigator.Request) (*navigator.Response, error) {
				seen = r
				return c.res, c.err
			}}}
			res, err := n.Fetch(t.Context(), &put)
			if c.fails && (err == nil || isTypeError(err)) || !c.fails && (err != nil || res.Status != 200) {
				t.Errorf("got %+v, %v; want a network error: %v", res, err, c.fails)
			}
			if seen == nil || seen.Method != "PUT" || seen.Mode != "cors" || seen.URL != s.URL+"/to" || string(seen.Body) != "x" {
				t.Errorf("Intercept got %+v, want the PUT request", seen)
			}
			if got := lines(s.received()); !slices.Equal(got, c.requests) {
				t.Errorf("got the requests %q, want %q", got, c.requests)
			}
		})
	}
}

func TestFetch_PolicyForbids_InterceptIsNotCalled(t *testing.T) {
	n := navigator.Navigator{Page: &navigator.Page{
		URL: "http://shop.example/", ContentSecurityPolicy: []string{"connect-src 'self'"},
		Intercept: func(_ context.Context, r *navigator.Request) (*navigator.Response, error) {
			t.Errorf("Intercept was called for %s", r.URL)
			return nil, nil
		},
	}}
	if res, err := n.Fetch(t.Context(), &navigator.Request{URL: "http://other.example/"}); err == nil {
		t.Errorf("got %+v, want an error", res)
	}
}

func TestFetch_Keepalive_QuotaIsOfAllUnfinished(t *testing.T) {
	s := serve(t, nil)
	held, release := make(chan struct{}), make(chan struct{})
	p := &navigator.Page{URL: s.URL, Intercept: func(_ context.Context, r *navigator.Request) (*navigator.Response, error) {
		if r.URL == s.URL+"/held" {
			close(held)
			<-release
		}
		return nil, nil
	}}
	post := func(path string, size int, keepalive bool) error {
		n := navigator.Navigator{Page: p}
		_, err := n.Fetch(t.Context(), &navigator.Request{URL: path, Method: "POST", Body: make([]byte, size), Keepalive: keepalive})
		return err
	}
	done := make(chan error)
	go func() { done <- post("/held", 60_000, true) }()
	<-held
	for _, c := range []struct {
		size      int
		keepalive bool
		fits      bool
	}{{5536, true, true}, {5537, true, false}, {0, true, true}, {100_000, false, true}} {
		if err := post("/", c.size, c.keepalive); (err == nil) != c.fits {
			t.Errorf("%d bytes beside 60,000, keepalive %v: got %v, want it to fit: %v", c.size, c.keepalive, err, c.fits)
		}
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := post("/", navigator.MaxBody, true); err != nil {
		t.Errorf("%d bytes when no other request is under way: got %v, want nil", navigator.MaxBody, err)
	}
}
