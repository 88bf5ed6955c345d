package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A world is the Web of a test: every host is on one http and one https server on loopback.
type world struct {
	t      *testing.T
	client *Client
	mu     sync.Mutex
	routes map[string]http.HandlerFunc // by URL; the others answer 204
	came   []visit
}

// A visit is a request as its server saw it.
type visit struct {
	method, url, body string
	header            http.Header
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, routes: map[string]http.HandlerFunc{}}
	plain, secure := httptest.NewServer(w), httptest.NewTLSServer(w)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	w.client = NewClient(8, &tls.Config{InsecureSkipVerify: true})
	w.client.transport(Network{Proxy: NoProxy}).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		to := plain.Listener.Addr().String()
		if strings.HasSuffix(addr, "443") {
			to = secure.Listener.Addr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, to)
	}
	return w
}

func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	url := scheme + "://" + r.Host + r.URL.RequestURI()
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.came = append(w.came, visit{r.Method, url, string(body), r.Header})
	handle := w.routes[url]
	w.mu.Unlock()
	if handle == nil {
		out.WriteHeader(http.StatusNoContent)
		return
	}
	handle(out, r)
}

// on has a URL answered with a status and a header, "Name: value" a line.
func (w *world) on(url string, status int, header ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routes[url] = func(out http.ResponseWriter, r *http.Request) {
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			out.Header().Add(name, value)
		}
		out.WriteHeader(status)
	}
}

// visits are the requests that came since the last call.
func (w *world) visits() []visit {
	w.mu.Lock()
	defer w.mu.Unlock()
	came := w.came
	w.came = nil
	return came
}

// do sends the request past every proxy.
func (w *world) do(q Request) (Response, error) {
	q.Network.Proxy = NoProxy
	return w.client.Do(w.t.Context(), q)
}

// must is do of a request that nothing stands in the way of.
func (w *world) must(q Request) Response {
	w.t.Helper()
	res, err := w.do(q)
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// beacon is what sendBeacon asks for.
func beacon(page *Page, to string) Request {
	return Request{
		Page: page, Method: "POST", URL: to, Mode: "no-cors", Credentials: "include", Initiator: "beacon",
		Body: []byte("hello"), Header: http.Header{"Content-Type": {"text/plain;charset=UTF-8"}},
	}
}

// jsonBeacon is one that needs CORS.
func jsonBeacon(page *Page, to string) Request {
	q := beacon(page, to)
	q.Mode = "cors"
	q.Header.Set("Content-Type", "application/json")
	return q
}

func isBlocked(err error) bool {
	var b *BlockedError
	return errors.As(err, &b)
}
