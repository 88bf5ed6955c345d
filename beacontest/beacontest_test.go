package beacontest_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/beacontest"
	"github.com/seed-d051cf5a/beacon/collect"
)

// do sends a request, whose header is name and value by turns, and returns the answer with
// its text; the answer is nil where there is none.
func do(t *testing.T, client *http.Client, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// noRedirects is the client, but it shows a redirect as it is.
func noRedirects(c *http.Client) *http.Client {
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

func TestABeaconIsRecordedAsItCame(t *testing.T) {
	http1 := func(c *beacontest.Collector) *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: c.TLS(), DisableKeepAlives: true}}
	}
	for _, x := range []struct {
		name, proto string
		start       func(testing.TB) *beacontest.Collector
		client      func(*beacontest.Collector) *http.Client
	}{
		{"over HTTP", "HTTP/1.1", beacontest.New, (*beacontest.Collector).Client},
		{"over TLS", "HTTP/2.0", beacontest.NewTLS, (*beacontest.Collector).Client},
		{"over TLS by an older client", "HTTP/1.1", beacontest.NewTLS, http1},
		{"over HTTP by a client with its roots", "HTTP/1.1", beacontest.New, http1},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := x.start(t)
			before := time.Now()
			res, text := do(t, x.client(c), "POST", c.URL+"/shop/cart?x=1&y=%20", "a=1&b=2", "Content-Type", "application/x-www-form-urlencoded",
				"Idempotency-Key", `"order 17"`, "Authorization", "Bearer secret", "Cookie", "id=1")
			if res == nil || res.StatusCode != 204 {
				t.Fatal(res, text)
			}
			b := c.Wait(1)[0]
			if b.Method != "POST" || b.Proto != x.proto || b.Stream != "/shop/cart" || b.Query != "x=1&y=%20" || string(b.Body) != "a=1&b=2" ||
				b.ContentType != "application/x-www-form-urlencoded" || b.Key != "order 17" || b.Kind != "form" || string(b.Data) != `{"a":"1","b":"2"}` ||
				b.Error != "" || !b.Kept || b.Status != 204 || b.Times != 1 || b.ReceivedAt.Before(before) || b.ReceivedAt.After(time.Now()) {
				t.Errorf("%+v", b)
			}
			if b.Header.Get("Authorization") != "Bearer secret" || b.Header.Get("Cookie") != "id=1" || b.Header.Get("Idempotency-Key") != `"order 17"` {
				t.Errorf("%v", b.Header)
			}
		})
	}
}

// TestItAnswersAsTheRealCollector asks both the same.
func TestItAnswersAsTheRealCollector(t *testing.T) {
	real, err := collect.Open(t.TempDir(), collect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer real.Close()
	s := httptest.NewServer(real)
	defer s.Close()
	c := beacontest.New(t)
	kept := 0
	for _, x := range []struct {
		name, method, path, body string
		header                   []string
	}{
		{"a beacon", "POST", "/x?y", "z", nil},
		{"a beacon of a page", "POST", "/x", "z", []string{"Origin", "https://shop.example"}},
		{"an empty one", "POST", "/", "", nil},
		{"one that can't be decoded", "POST", "/", "{", []string{"Content-Type", "application/json"}},
		{"one at the limit", "POST", "/", strings.Repeat("x", 1<<20), nil},
		{"one over the limit", "POST", "/", strings.Repeat("x", 1<<20+1), nil},
		{"a preflight", "OPTIONS", "/x", "", []string{"Origin", "https://shop.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"}},
		{"OPTIONS that are none", "OPTIONS", "/x", "", nil},
		{"a look", "GET", "/x", "", nil},
		{"a PUT", "PUT", "/x", "z", nil},
		{"an operator's path", "POST", "/-/x", "z", nil},
		{"a broken path", "POST", "/%2", "z", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			send := func(url string) (*http.Response, string) {
				if x.path == "/%2" {
					return raw(t, url, "POST /%2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz")
				}
				return do(t, http.DefaultClient, x.method, url+x.path, x.body, x.header...)
			}
			want, wantText := send(s.URL)
			got, gotText := send(c.URL)
			want.Header.Del("Date")
			got.Header.Del("Date")
			if got.Status != want.Status || gotText != wantText || !maps.EqualFunc(got.Header, want.Header, func(a, b []string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
				t.Errorf("got  %s %v %s\nwant %s %v %s", got.Status, got.Header, gotText, want.Status, want.Header, wantText)
			}
			if got.StatusCode == 204 && x.method == "POST" {
				kept++
			}
			if n := len(c.Beacons()); n != kept {
				t.Errorf("%d are kept, not %d", n, kept)
			}
		})
	}
}

// raw sends these bytes.
func raw(t *testing.T, url, request string) (*http.Response, string) {
	t.Helper()
	conn := dial(t, url, request)
	buf, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	head, text, _ := strings.Cut(string(buf), "\r\n\r\n")
	status, fields, _ := strings.Cut(head, "\r\n")
	return &http.Response{Status: status, Header: http.Header{"All": {fields}}}, text
}

// dial sends the bytes and leaves the connection open until the test's end.
func dial(t *testing.T, url, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestARepeatedKeyIsOneBeacon(t *testing.T) {
	c := beacontest.New(t)
	const id = "01932e4f-7c1a-7b3e-9f7c-0242ac120002"
	for _, x := range []struct{ path, key, body string }{
		{"/a", `"` + id + `"`, "1"},
		{"/a", strings.ToUpper(id), "2"},
		{"/b", id, "3"},
		{"/a", "order 17", "4"},
		{"/a", `"order 17"`, "5"},
		{"/b", `"order 17"`, "6"},
		{"/a", "", "7"},
		{"/a", "", "8"},
	} {
		do(t, c.Client(), "POST", c.URL+x.path, x.body, "Idempotency-Key", x.key)
	}
	got := ""
	for _, b := range c.Beacons() {
		got += fmt.Sprintf(" %s×%d", b.Body, b.Times)
	}
	if want := " 1×3 4×2 6×1 7×1 8×1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := len(c.Requests()); n != 8 {
		t.Errorf("%d requests", n)
	}
}

func TestABodyThatEndsEarlyIsARequestAndNoBeacon(t *testing.T) {
	c := beacontest.New(t)
	dial(t, c.URL, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello").Close()
	r := c.WaitRequests(1)[0]
	if string(r.Body) != "hello" || r.Kept || !strings.Contains(r.Error, "unexpected EOF") || len(c.Beacons()) != 0 {
		t.Errorf("%v", r)
	}
}

func TestPreflightsAreApart(t *testing.T) {
	c := beacontest.New(t)
	do(t, c.Client(), "OPTIONS", c.URL+"/x", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
	do(t, c.Client(), "OPTIONS", c.URL+"/x", "")
	do(t, c.Client(), "POST", c.URL+"/x", "")
	if p := c.Preflights(); len(p) != 1 || p[0].Header.Get("Origin") != "https://shop.example" || len(c.Beacons()) != 1 || len(c.Requests()) != 3 {
		t.Errorf("%v", p)
	}
}

func TestManySendersAtATime(t *testing.T) {
	c := beacontest.NewTLS(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for j := range 20 {
				c.Answer(beacontest.Delay(time.Millisecond))
				if res, text := do(t, c.Client(), "POST", c.URL, "", "Idempotency-Key", fmt.Sprint(i, j/2)); res == nil || res.StatusCode != 204 {
					t.Error(text)
				}
				c.Requests()
			}
		})
	}
	for _, b := range c.Wait(200) {
		if b.Times > 2 {
			t.Errorf("%v", b)
		}
	}
	all.Wait()
	if n, m := len(c.Beacons()), len(c.Requests()); n != 200 || m != 400 {
		t.Errorf("%d beacons, %d requests", n, m)
	}
}

func TestTheExampleInREADMEIsOneThatRuns(t *testing.T) {
	words := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(b)), " ")
	}
	_, example, found := strings.Cut(words("../README.md"), "func TestASale")
	example, _, ended := strings.Cut(example, " } It delays")
	if !found || !ended || !strings.Contains(words("example_test.go"), "func TestASale"+example+" }") {
		t.Errorf("it differs from that in example_test.go: %s", example)
	}
}
