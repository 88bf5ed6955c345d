// Package fetch is the user agent: it sends one request the way the Fetch standard
// says, and tells what the server answered. It knows nothing of disks and retries.
package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxRedirects: "If request's redirect count is 20, then return a network error."
// (Fetch, HTTP-redirect fetch, step 7)
const maxRedirects = 20

// maxAnswer is the longest answer, in bytes, that is worth reading for the connection.
const maxAnswer = 16 << 10

// A Request is one request. The URL is a string as the URL parser gave it.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte
	Proxy  Proxy
}

// A Proxy is the URL of the proxy to go through, or one of the words below.
type Proxy string

const (
	ProxyFromEnvironment Proxy = ""     // as this process's environment says
	NoProxy              Proxy = "none" // go to the server itself
)

// A Response is what is kept of the server's answer; nobody reads its body.
type Response struct {
	Status     int
	RetryAfter time.Duration // 0 where the server did not say
	Dropped    bool          // a redirect made a GET of it, without the body
}

// A Client sends requests. Its connections are shared by all of them: HTTP/1.1 or
// HTTP/2, through the proxies that the environment names. It is safe for concurrent
// use.
type Client struct{ transport *http.Transport }

// NewClient returns a client that opens at most perOrigin connections to one origin. The
// roots and certificates of tls, which may be nil, are the client's.
func NewClient(perOrigin int, tls *tls.Config) *Client {
	// Not the default transport: the program may have made something else of that.
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		MaxConnsPerHost:     perOrigin,
		MaxIdleConnsPerHost: perOrigin,
		DisableCompression:  true,
		ForceAttemptHTTP2:   true,
		// An answer's header is looked at and forgotten.
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        tls.Clone(),
	}
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		proxy, _ := r.Context().Value(proxyKey{}).(Proxy)
		return proxyOf(proxy, r.URL)
	}
	return &Client{t}
}

type proxyKey struct{}

func proxyOf(p Proxy, u *url.URL) (*url.URL, error) {
	switch p {
	case ProxyFromEnvironment:
		return http.ProxyFromEnvironment(&http.Request{URL: u})
	case NoProxy:
		return nil, nil
	default:
		return url.Parse(string(p))
	}
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do sends the request and follows redirects. An error is what the standard calls a
// network error: there is no answer to go by.
func (c *Client) Do(ctx context.Context, q Request) (Response, error) {
	sent := q.Method
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
				Status: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now()), Dropped: q.Method != sent,
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
	if proxy, _ := proxyOf(q.Proxy, u); proxy == nil || u.Scheme != "http" {
		originForm(u)
	}
	req := (&http.Request{
		Method: q.Method, URL: u, Host: u.Host, Header: q.Header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, ContentLength: int64(len(q.Body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(q.Body)), nil },
	}).WithContext(context.WithValue(ctx, proxyKey{}, q.Proxy))
	if len(q.Body) > 0 {
		req.Body, _ = req.GetBody()
	}
	if u.User != nil && req.Header.Get("Authorization") == "" {
		req.Header = q.Header.Clone()
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("network error: %w", err)
	}
	// A short answer is read to its end so that the connection can be used again. What
	// follows a 101 is no body but the connection itself.
	if res.ContentLength > 0 && res.ContentLength <= maxAnswer && res.StatusCode != http.StatusSwitchingProtocols {
		io.CopyN(io.Discard, res.Body, maxAnswer)
	}
	res.Body.Close()
	return res, nil
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
