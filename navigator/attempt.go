package navigator

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
)

// A flight is a beacon whose page still exists.
type flight struct {
	navigator *Navigator
	release   func() // gives its bytes back to the page's quota
}

// end is called when a beacon has its outcome, even if it was never tried.
func (a *Agent) end(id string) {
	if v, ok := a.flights.LoadAndDelete(id); ok {
		v.(*flight).release()
	}
}

// attempt sends a beacon whose page still exists, by the page's cookies, preflight cache and hooks.
func (a *Agent) attempt(ctx context.Context, key string, q fetch.Request) (res fetch.Response, ours bool, err error) {
	v, ok := a.flights.Load(strings.Trim(key, `"`))
	if !ok {
		return fetch.Response{}, false, nil
	}
	f := v.(*flight)
	// By the standard the beacon is finished after one attempt. To try it again after a network error is this
	// project's addition.
	defer f.release()
	q.Referrer = q.Page.URL // where the page was at the call
	q.Page, q.OnDrop = f.navigator.Page.fetchPage(), f.release
	res, err = f.navigator.intercept(ctx, q, a.client)
	return res, true, err
}

// intercept sends the request of a beacon, unless the page's Intercept answers it.
func (n *Navigator) intercept(ctx context.Context, q fetch.Request, client *fetch.Client) (fetch.Response, error) {
	if n.Page.Intercept == nil {
		return client.Do(ctx, q)
	}
	if err := q.Check(); err != nil {
		return fetch.Response{}, err
	}
	r := &Request{
		Method: q.Method, URL: q.URL, Header: q.Header, Body: q.Body, Mode: q.Mode, Credentials: q.Credentials,
		Redirect: "follow", Referrer: "about:client", Keepalive: true, Initiator: "beacon",
	}
	res, err := n.Page.Intercept(ctx, r.copy())
	if res == nil && err == nil {
		return client.Do(ctx, q)
	}
	if err != nil {
		// It is tried again, as after a network error.
		return fetch.Response{}, fmt.Errorf("network error: intercepted: %w", err)
	}
	if res, err = r.accept(res, nil); err != nil {
		return fetch.Response{}, &fetch.BlockedError{Reason: err.Error()}
	}
	if res.Type == "opaque" {
		return fetch.Response{Status: http.StatusOK}, nil // its status is hidden
	}
	return fetch.Response{Status: res.Status}, nil
}
