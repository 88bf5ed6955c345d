package beacon_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon"
)

// A visited server keeps what came, as "METHOD path", and the last request's header and body.
type visited struct {
	*httptest.Server
	mu     sync.Mutex
	came   []string
	header []http.Header
	bodies []string
}

// visit starts one that answers with a header, "Name: value" a line, and a body.
func visit(t *testing.T, body string, header ...string) *visited {
	v := &visited{}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		v.mu.Lock()
		v.came = append(v.came, r.Method+" "+r.RequestURI)
		v.header = append(v.header, r.Header)
		v.bodies = append(v.bodies, string(b))
		v.mu.Unlock()
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		io.WriteString(w, body)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *visited) visits() ([]string, []http.Header, []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	came, header, bodies := v.came, v.header, v.bodies
	v.came, v.header, v.bodies = nil, nil, nil
	return came, header, bodies
}

// localhost is the server's URL by another name, and so another site's.
func (v *visited) localhost() string { return strings.Replace(v.URL, "127.0.0.1", "localhost", 1) }

func isTypeError(err error) bool {
	var e *beacon.TypeError
	return errors.As(err, &e)
}

// TestRequestsThatAreNone is the constructor of Fetch, "Request class".
func TestRequestsThatAreNone(t *testing.T) {
	v := visit(t, "")
	n := beacon.Navigator{Page: &beacon.Page{URL: v.URL + "/p/"}}
	for name, r := range map[string]beacon.Request{
		"the URL":                 {URL: "http://["},
		"a password":              {URL: strings.Replace(v.URL, "://", "://u:p@", 1)},
		"the mode":                {Mode: "navigate"},
		"the credentials":         {Credentials: "some"},
		"the redirect":            {Redirect: "maybe"},
		"the referrer":            {Referrer: "http://["},
		"the policy":              {ReferrerPolicy: "all"},
		"the initiator":           {Initiator: "link"},
		"the method":              {Method: "P T"},
		"a forbidden method":      {Method: "Trace"},
		"a method that is not no": {Method: "PUT", Mode: "no-cors"},
		"a body of a GET":         {Body: []byte{}},
		"a header's name":         {Header: http.Header{"a b": {"1"}}},
		"a header's value":        {Header: http.Header{"A": {"1\n2"}}},
		"over the quota":          {Method: "POST", Keepalive: true, Body: make([]byte, 64<<10+1)},
	} {
		if res, err := n.Fetch(t.Context(), &r); !isTypeError(err) || res != nil {
			t.Errorf("%s: %v %v", name, res, err)
		}
	}
	if _, err := new(beacon.Navigator).Fetch(t.Context(), &beacon.Request{URL: v.URL}); !isTypeError(err) {
		t.Error(err)
	}
	if came, _, _ := v.visits(); came != nil {
		t.Error(came)
	}
}

func TestFetchFromAPage(t *testing.T) {
	v := visit(t, "hello", "X-Own: 1", "Set-Cookie: a=b")
	n := beacon.Navigator{Page: &beacon.Page{URL: v.URL + "/p/q?r"}, Header: http.Header{"X-Key": {"k"}}}
	res, err := n.Fetch(t.Context(), &beacon.Request{URL: "../to#part", Method: "post", Body: []byte("x"), Header: http.Header{
		"x-page": {" 1 "}, "Cookie": {"no=1"}, "Sec-Any": {"1"}, "Host": {"other"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Type != "basic" || res.Status != 200 || res.StatusText != "OK" || res.URL != v.URL+"/to" || string(res.Body) != "hello" || res.Redirected ||
		res.Header.Get("X-Own") != "1" || res.Header.Get("Set-Cookie") != "" {
		t.Errorf("%+v", res)
	}
	came, header, bodies := v.visits()
	if !slices.Equal(came, []string{"POST /to"}) || bodies[0] != "x" {
		t.Errorf("%v %v", came, bodies)
	}
	for name, want := range map[string]string{
		"X-Page": "1", "X-Key": "k", "User-Agent": "beacon-go", "Origin": v.URL, "Referer": v.URL + "/p/q?r",
		"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Cookie": "", "Sec-Any": "",
	} {
		if got := header[0].Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestFetchOfAnotherOrigin(t *testing.T) {
	v := visit(t, "hello", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: x-page", "X-Own: 1", "Content-Type: text/plain")
	n := beacon.Navigator{Page: &beacon.Page{URL: v.localhost()}}
	res, err := n.Fetch(t.Context(), &beacon.Request{URL: v.URL, Header: http.Header{"X-Page": {"1"}}})
	if err != nil || res.Type != "cors" || res.Header.Get("X-Own") != "" || res.Header.Get("Content-Type") != "text/plain" || string(res.Body) != "hello" {
		t.Errorf("%+v %v", res, err)
	}
	if came, _, _ := v.visits(); !slices.Equal(came, []string{"OPTIONS /", "GET /"}) {
		t.Error(came)
	}
	res, err = n.Fetch(t.Context(), &beacon.Request{URL: v.URL, Mode: "no-cors", Header: http.Header{"X-Page": {"1"}, "Accept": {"text/html", "x"}, "Content-Type": {"application/json"}}})
	if err != nil || res.Type != "opaque" || res.Status != 0 || res.StatusText != "" || res.URL != "" || len(res.Header) != 0 || res.Body != nil {
		t.Errorf("%+v %v", res, err)
	}
	if _, header, _ := v.visits(); header[0].Get("X-Page") != "" || header[0].Get("Content-Type") != "" || len(header[0].Values("Accept")) != 2 {
		t.Errorf("no-cors: %v", header)
	}
	if res, err := n.Fetch(t.Context(), &beacon.Request{URL: v.URL, Credentials: "include"}); err == nil || isTypeError(err) || !strings.Contains(err.Error(), "CORS") {
		t.Errorf("%+v %v", res, err)
	}
	if res, err := n.Fetch(t.Context(), &beacon.Request{URL: "data:,x"}); err == nil || isTypeError(err) {
		t.Errorf("%+v %v", res, err)
	}
}

// TestIntercept: what the hook answers does not leave, and the preflight neither.
func TestIntercept(t *testing.T) {
	v := visit(t, "")
	var got *beacon.Request
	answer := func() (*beacon.Response, error) { return nil, nil }
	n := beacon.Navigator{Page: &beacon.Page{
		URL: v.localhost() + "/p", ContentSecurityPolicy: []string{"connect-src 'self' " + v.URL},
		Intercept: func(ctx context.Context, r *beacon.Request) (*beacon.Response, error) { got = r; return answer() },
	}}
	put := &beacon.Request{URL: v.URL + "/to", Method: "put", Body: []byte("x"), Keepalive: true}

	answer = func() (*beacon.Response, error) { return &beacon.Response{Type: "basic", Status: 200}, nil }
	if res, err := n.Fetch(t.Context(), put); err != nil || res == nil || res.Status != 200 || got.Method != "PUT" || got.Mode != "cors" || got.URL != v.URL+"/to" || string(got.Body) != "x" {
		t.Errorf("answered: %+v %v %+v", res, err, got)
	}
	answer = func() (*beacon.Response, error) { return nil, errors.New("offline") }
	if _, err := n.Fetch(t.Context(), put); err == nil || isTypeError(err) {
		t.Errorf("failed: %v", err)
	}
	answer = func() (*beacon.Response, error) { return &beacon.Response{Type: "opaque"}, nil }
	if _, err := n.Fetch(t.Context(), put); err == nil {
		t.Error("a cors request got an opaque response")
	}
	if came, _, _ := v.visits(); came != nil {
		t.Errorf("%v left", came)
	}
	answer = func() (*beacon.Response, error) { return nil, nil }
	if _, err := n.Fetch(t.Context(), put); err == nil {
		t.Error("the server did not allow it")
	}
	if came, _, _ := v.visits(); !slices.Equal(came, []string{"OPTIONS /to"}) {
		t.Errorf("passed: %v", came)
	}
	got = nil
	if _, err := n.Fetch(t.Context(), &beacon.Request{URL: "http://other.example/"}); err == nil || got != nil {
		t.Errorf("what the policy forbids was seen: %v %v", err, got)
	}
}

// The quota is the page's: 64 KiB of all that have not ended.
func TestKeepaliveQuotaOfAPage(t *testing.T) {
	v := visit(t, "")
	held, release := make(chan struct{}), make(chan struct{})
	p := &beacon.Page{URL: v.URL, Intercept: func(ctx context.Context, r *beacon.Request) (*beacon.Response, error) {
		if r.URL == v.URL+"/held" {
			close(held)
			<-release
		}
		return nil, nil
	}}
	post := func(path string, n int, keepalive bool) error {
		_, err := (&beacon.Navigator{Page: p}).Fetch(t.Context(), &beacon.Request{URL: path, Method: "POST", Body: make([]byte, n), Keepalive: keepalive})
		return err
	}
	done := make(chan error)
	go func() { done <- post("/held", 60_000, true) }()
	<-held
	for _, c := range []struct {
		n         int
		keepalive bool
		want      bool
	}{{5536, true, true}, {5537, true, false}, {0, true, true}, {100_000, false, true}} {
		if err := post("/", c.n, c.keepalive); (err == nil) != c.want {
			t.Errorf("%d bytes: %v", c.n, err)
		}
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := post("/", 64<<10, true); err != nil {
		t.Error(err)
	}
}

// TestPing is HTML, "Hyperlink auditing".
func TestPing(t *testing.T) {
	v := visit(t, "")
	for _, c := range []struct {
		name, page, from, to string
	}{
		{"same origin", v.URL + "/p#part", v.URL + "/p#part", v.URL + "/there#x"},
		{"http to another origin", v.localhost() + "/p", v.localhost() + "/p", v.localhost() + "/there#x"},
		{"https to another origin", "https://a.example/p", "", "https://a.example/there#x"},
	} {
		n := beacon.Navigator{Page: &beacon.Page{URL: c.page}}
		if err := n.Ping(t.Context(), "/there#x", v.URL+"/1 \n"+v.URL+"/2", "http://[ mailto:x ", v.URL+"/3"); err != nil {
			t.Fatal(err)
		}
		came, header, bodies := v.visits()
		slices.Sort(came)
		if !slices.Equal(came, []string{"POST /1", "POST /2", "POST /3"}) {
			t.Errorf("%s: %v", c.name, came)
		}
		for i, h := range header {
			if h.Get("Ping-From") != c.from || h.Get("Ping-To") != c.to || h.Get("Content-Type") != "text/ping" || bodies[i] != "PING" ||
				h.Get("Referer") != "" || h.Get("Origin") == "" || h.Get("Sec-Fetch-Mode") != "no-cors" {
				t.Errorf("%s: %v %q", c.name, h, bodies[i])
			}
		}
	}
	n := beacon.Navigator{Page: &beacon.Page{URL: v.URL}}
	if err := n.Ping(t.Context(), "http://[", v.URL); !isTypeError(err) {
		t.Error(err)
	}
	t.Setenv("DO_NOT_TRACK", "1")
	honoring := beacon.Navigator{Page: n.Page, Config: &beacon.Config{HonorDoNotTrack: true}}
	if err := honoring.Ping(t.Context(), "/", v.URL); err == nil {
		t.Error("DO_NOT_TRACK is not honored")
	}
	dead := visit(t, "")
	dead.Close()
	if err := n.Ping(t.Context(), "/", dead.URL, v.URL); err == nil || isTypeError(err) {
		t.Error(err)
	}
	if came, _, _ := v.visits(); len(came) != 1 {
		t.Error(fmt.Sprint("one that fails takes the others with it: ", came))
	}
}
