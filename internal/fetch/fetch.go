// Package fetch is the user agent: it sends one request the way the Fetch standard
// says, and tells what the server answered. It knows nothing of disks and retries.
//
// A request of a process has no origin, and nothing stands in its way. One of a [Page] is a
// browser's: CORS, Content Security Policy, Mixed Content, Referrer Policy and Fetch Metadata
// apply to it, at each redirect again, and its answer is seen through their filters. There is
// no HTTP cache, no HSTS, no embedder policy and nobody who answers a 401; violations are
// not reported.
package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// maxRedirects: "If request's redirect count is 20, then return a network error."
// (Fetch, HTTP-redirect fetch, step 7)
const maxRedirects = 20

// maxAnswer is the longest answer, in bytes, that is worth reading for the connection.
const maxAnswer = 16 << 10

// A Request is one request. The URL is a string as the URL parser gave it.
type Request struct {
	Method  string
	URL     string
	Header  http.Header
	Body    []byte
	Network Network

	// Page is the page that asks; nil is the process, and what follows is of no account then.
	Page *Page
	// Mode is "no-cors" (also if it is ""), "cors" or "same-origin".
	Mode string
	// Credentials is "same-origin" (also ""), "include" or "omit".
	Credentials string
	// Redirect is "follow" (also ""), "error" or "manual".
	Redirect string
	// Referrer is "about:client" (also ""), the page's own; [NoReferrer]; or a URL of the
	// page's origin.
	Referrer string
	// ReferrerPolicy is one of the eight, or "", the page's.
	ReferrerPolicy string
	// Destination is Fetch's; of others than "" and "report" only the name is said.
	Destination string
	// Initiator says who asks. To "ping" the headers are no page's, and any goes without CORS.
	Initiator string
	// Agent has headers of the user agent's own, such as User-Agent. The page did not set
	// them, so CORS does not ask for them, and those of Header take their place. Another
	// origin that the request is redirected to gets User-Agent and Idempotency-Key alone.
	Agent http.Header
	// OnDrop, if not nil, is called when a redirect has made a GET of it, without the body.
	OnDrop func()
	// ReadBody is the most bytes of an answer's body; a longer one is a network error.
	// Of 0 it is not read.
	ReadBody int64

	dropped bool // a redirect made a GET of it
}

// NoReferrer as a Request's Referrer is none at all.
const NoReferrer = "no-referrer"

// A Response is what is kept of the server's answer.
type Response struct {
	Status     int           // also where the page may not see it
	RetryAfter time.Duration // 0 where the server did not say
	Dropped    bool          // a redirect made a GET of it, without the body

	// The rest is for a page: what it may see. All but Type is empty if that is "opaque".
	Type       string // "basic", "cors", "opaque" or "opaqueredirect"
	URL        string // after redirects, without fragment
	Redirected bool
	StatusText string
	Header     http.Header
	Body       []byte
}

// A Client sends requests over HTTP/1.1 or HTTP/2. All requests share its connections. It is safe for
// concurrent use.
type Client struct {
	perOrigin int
	tls       *tls.Config

	mu         sync.Mutex
	transports map[trust]transport
}

// NewClient returns a client that opens at most perOrigin connections to one origin. tls, which may be nil,
// has the roots and the client certificates; with roots in it, those of a request's Network do not count.
func NewClient(perOrigin int, tls *tls.Config) *Client {
	return &Client{perOrigin: perOrigin, tls: tls, transports: map[trust]transport{}}
}

// Close closes the connections that are not in use.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// Do sends the request and follows redirects. An error is what the standard calls a
// network error: there is no answer to go by. That of a page's request which a rule forbids
// is a [*BlockedError].
func (c *Client) Do(ctx context.Context, q Request) (Response, error) {
	if q.Page != nil {
		return c.fetch(ctx, q)
	}
	for redirects := 0; ; redirects++ {
		res, err := c.send(ctx, q)
		if err != nil {
			return Response{}, err
		}
		next, err := redirect(q, res)
		if err != nil {
			return Response{}, err
		}
		if next == nil {
			return Response{
				Status: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now()), Dropped: q.dropped,
			}, nil
		}
		if redirects == maxRedirects {
			return Response{}, errors.New("network error: more than 20 redirects")
		}
		q = *next
	}
}

func (c *Client) send(ctx context.Context, q Request) (*http.Response, error) {
	u, err := target(q.URL)
	if err != nil {
		return nil, err
	}
	header := q.Header
	if u.User != nil && header.Get("Authorization") == "" {
		auth := http.Request{Header: header.Clone()}
		password, _ := u.User.Password()
		auth.SetBasicAuth(u.User.Username(), password)
		header = auth.Header
	}
	res, err := c.exchange(ctx, &q, u, header)
	if err != nil {
		return nil, err
	}
	skim(res)
	return res, nil
}

// exchange sends one request with that header. The answer's body is still to be read.
func (c *Client) exchange(ctx context.Context, q *Request, u *url.URL, header http.Header) (*http.Response, error) {
	if proxy, _ := proxyOf(q.Network.Proxy, u); proxy == nil || u.Scheme != "http" {
		originForm(u)
	}
	body := q.Body
	req := (&http.Request{
		Method: q.Method, URL: u, Host: u.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(context.WithValue(ctx, proxyKey{}, q.Network.Proxy))
	if len(body) > 0 {
		req.Body, _ = req.GetBody()
	}
	t := c.transport(q.Network)
	res, err := t.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("network error: %w", t.explain(err))
	}
	return res, nil
}

// skim ends with the body of an answer. A short one is read to its end so that the
// connection can be used again. What follows a 101 is no body but the connection itself.
func skim(res *http.Response) {
	if res.ContentLength > 0 && res.ContentLength <= maxAnswer && res.StatusCode != http.StatusSwitchingProtocols {
		io.CopyN(io.Discard, res.Body, maxAnswer)
	}
	res.Body.Close()
}

// retryAfter reads both forms of the header (RFC 9110, section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if s, err := strconv.ParseInt(value, 10, 32); err == nil || errors.Is(err, strconv.ErrRange) {
		return max(time.Duration(s)*time.Second, 0)
	}
	if t, err := http.ParseTime(value); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}
