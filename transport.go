package beacon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

// A Transport sends the POST requests of an existing HTTP client through the outbox. It queues each with an http or
// https URL and answers 202 Accepted without a body, with the beacon's id in the header Beacon-Id, except in a browser.
// A telemetry SDK that gets an [http.Client] with a Transport loses no data in crashes and outages.
//
// A request goes to Base as it is if it has another method, a Host that is not the URL's, Expect, Upgrade or
// trailers, if Queue declines it, if its body is over [Config.MaxBody], or if the outbox is full, closed or can't be
// written. If DO_NOT_TRACK is honored or sending is off, each POST that Queue does not decline gets the same 202,
// without an id, and nothing is kept or sent.
//
// The caller never sees the server's answer. A client that asks for something by POST, such as PostHog's for
// feature flags, needs a Queue that declines those requests. Content-Type, Content-Encoding and Idempotency-Key
// leave as they came, and the URL as the URL standard writes it: /a/../b as /b. It is safe for concurrent use; its
// fields are set before the first request.
type Transport struct {
	// Sender keeps the requests. Default: [Default].
	Sender *Sender
	// Base sends the requests that are not queued; queued ones do not pass through it. Default:
	// [http.DefaultTransport], or a new [http.Transport] if that was replaced.
	Base http.RoundTripper
	// Queue reports whether to queue a POST request, which it must not change. Default: all are queued.
	Queue func(*http.Request) bool
}

// CloseIdleConnections closes those of Base. [http.Client.CloseIdleConnections] calls it.
func (t *Transport) CloseIdleConnections() {
	base := t.Base
	if base == nil {
		base = liveTransport()
	}
	if c, ok := base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	base, s := t.Base, t.Sender
	if base == nil {
		base = liveTransport()
	}
	if s == nil {
		s = Default()
	}
	if r.Method != http.MethodPost || r.URL == nil || !isHTTP(r.URL.Scheme) || t.Queue != nil && !t.Queue(r) {
		return base.RoundTrip(r)
	}
	if s.forbidden() != nil {
		closeBody(r)
		return accepted(r, uuid.Nil), nil
	}
	if outbox.Prints() { // also what could not be queued, because nothing is sent
		body, err := readBodyFor(r, s.config.MaxBody)
		closeBody(r)
		if err != nil && !errors.Is(err, ErrTooLarge) {
			return nil, err
		}
		outbox.Print(r.Method, r.URL.String(), r.Header.Get("Content-Type"), body)
		return accepted(r, uuid.Nil), nil
	}
	if checkRequest(r) != nil {
		return base.RoundTrip(r)
	}
	body, err := readBodyFor(r, s.config.MaxBody)
	if errors.Is(err, ErrTooLarge) {
		return base.RoundTrip(withBody(r, struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}))
	}
	closeBody(r)
	if err != nil {
		return nil, err
	}
	id, err := s.sendRequest(r, body)
	if err != nil && !errors.Is(err, ErrDoNotTrack) && !errors.Is(err, ErrDisabled) {
		return base.RoundTrip(withBody(r, io.NopCloser(bytes.NewReader(body))))
	}
	return accepted(r, id), nil
}

// readBodyFor is readBody that ends with the request's context.
func readBodyFor(r *http.Request, limit int64) (body []byte, err error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { closeBody(r) })
	body, err = readBody(r, limit)
	if !stop() && err != nil {
		err = ctx.Err()
	}
	return body, err
}

// accepted returns the answer to a request.
func accepted(r *http.Request, id uuid.UUID) *http.Response {
	res := &http.Response{
		Status: "202 Accepted", StatusCode: http.StatusAccepted, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r,
	}
	if id != uuid.Nil {
		res.Header.Set("Beacon-Id", id.String())
	}
	return res
}

// liveTransport returns [http.DefaultTransport], or a new one if a program has put another one there, such as a
// Transport. A variable of a function would link net/http's client into each program.
func liveTransport() http.RoundTripper {
	live.Do(func() {
		live.transport = http.DefaultTransport
		if _, ok := live.transport.(*http.Transport); !ok {
			live.transport = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: 90 * time.Second}
		}
	})
	return live.transport
}

var live struct {
	sync.Once
	transport http.RoundTripper
}

func isHTTP(scheme string) bool {
	return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

// withBody returns the request with another body of the same bytes.
func withBody(r *http.Request, body io.ReadCloser) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	other := *r
	other.Body = body
	return &other
}
