// Package fetch is the user agent: it sends one request by the Fetch standard and returns the server's
// answer. It uses no disk and does not retry.
//
// A request of a process has no origin, and no policy applies to it. A request of a [Page] is like a
// browser's: CORS, Content Security Policy, Mixed Content, Referrer Policy and Fetch Metadata apply, after
// each redirect again, and the page sees the part of the answer that they allow. Not implemented: an HTTP
// cache, HSTS, embedder policies, authentication after a 401, and reports of violations.
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

// maxAnswer is the longest body, in bytes, that is read only to use the connection again.
const maxAnswer = 16 << 10

// A Request is one request. The URL is serialized by the URL standard.
type Request struct {
	Method  string
	URL     string
	Header  http.Header
	Body    []byte
	Network Network

	// Page is the page that sends, or nil for the process. Then the fields below do not count.
	Page *Page
	// Mode is "no-cors" (also if it is ""), "cors" or "same-origin".
	Mode string
	// Credentials is "same-origin" (also ""), "include" or "omit".
	Credentials string
	// Redirect is "follow" (also ""), "error" or "manual".
	Redirect string
	// Referrer is "about:client" (also ""), which is the page's URL; [NoReferrer]; or a URL of the page's
	// origin.
	Referrer string
	// ReferrerPolicy is one of the standard's eight, or "" for the page's.
	ReferrerPolicy string
	// Destination is the standard's. Values other than "" and "report" only appear in Sec-Fetch-Dest.
	Destination string
	// Initiator is the API that sends, such as "beacon". The headers of "ping" are not the page's, so CORS
	// does not apply to them.
	Initiator string
	// Agent has the user agent's headers, such as User-Agent. CORS does not apply to them, because the page
	// did not set them. Those of Header replace them. After a redirect to another origin only User-Agent and
	// Idempotency-Key are sent.
	Agent http.Header
	// OnDrop, if not nil, is called when a redirect turns the request into a GET without the body.
	OnDrop func()
	// ReadBody is the most bytes of an answer's body; a longer one is a network error. With 0 the body is
	// not read.
	ReadBody int64

	dropped bool // a redirect turned it into a GET
}

// NoReferrer is the Referrer of a Request without one.
const NoReferrer = "no-referrer"

// A Response is the server's answer, without what no caller needs.
type Response struct {
	Status     int           // even if the page may not see it
	RetryAfter time.Duration // 0 without the header
	HTTP2      bool          // or a later version
	Redirected bool
	Dropped    bool // a redirect turned the request into a GET without the body

	// The other fields have what a page may see. If Type is "opaque", all others are empty.
	Type       string // "basic", "cors", "opaque" or "opaqueredirect"
	URL        string // after redirects, without fragment
	StatusText string
	Header     http.Header
	Body       []byte
}

// A Client sends requests over HTTP/1.1 or HTTP/2. All requests share its connections. It is safe for
// concurrent use.
type Client struct {
	perOrigin int
	tls       *tls.Config
	base      http.RoundTripper // sends all requests, or nil

	mu         sync.Mutex
	transports map[Network]transport
	targets    map[string]url.URL // of the URLs that were sent to lately
}

// NewClient returns a client that opens at most perOrigin connections to one origin. tls, which may be nil,
// has the roots and the client certificates; with roots in it, those of a request's Network do not count.
func NewClient(perOrigin int, tls *tls.Config) *Client {
	return &Client{perOrigin: perOrigin, tls: tls, transports: map[Network]transport{}, targets: map[string]url.URL{}}
}

// NewClientOver returns a client whose requests base sends. A request's Network does not count.
func NewClientOver(base http.RoundTripper) *Client {
	return &Client{base: base, targets: map[string]url.URL{}}
}

// CloseIdleConnections closes the connections that no request uses, except those of a client over another
// RoundTripper, which may have other users.
func (c *Client) CloseIdleConnections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// Do sends the request and follows redirects. An error is the standard's network error. If a rule forbids the
// request of a page, the error is a [*BlockedError].
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
				HTTP2: res.ProtoMajor >= 2, Redirected: redirects > 0,
			}, nil
		}
		if redirects == maxRedirects {
			return Response{}, errors.New("network error: more than 20 redirects")
		}
		q = *next
	}
}

func (c *Client) send(ctx context.Context, q Request) (*http.Response, error) {
	u, err := c.target(q.URL)
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

// exchange sends one request with this header. The caller closes the answer's body.
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
	}).WithContext(ctx)
	if len(body) > 0 {
		req.Body, _ = req.GetBody()
	}
	if c.base != nil {
		res, err := c.base.RoundTrip(req)
		switch {
		case err != nil:
			return nil, fmt.Errorf("network error: %w", err)
		case res == nil:
			return nil, errors.New("network error: the RoundTripper returned no response")
		case res.Body == nil: // http.Client, too, takes such a response
			res.Body = http.NoBody
		}
		return res, nil
	}
	t := c.transport(q.Network)
	res, err := t.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("network error: %w", t.explain(err))
	}
	return res, nil
}

// skim closes the body of an answer. It first reads a short one to its end, so that the connection can be
// used again. After a 101 the body is the connection.
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
