package fetch

import (
	"context"
	"errors"
	"net/http"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
)

// httpFetch is Fetch, "HTTP fetch". It says whether the request, which is another one then,
// goes on to where the answer redirects it.
func (f *fetching) httpFetch(ctx context.Context) (res *http.Response, again bool, err error) {
	if f.asks && !f.Page.preflights.allows(f) {
		if err := f.preflight(ctx); err != nil {
			return nil, false, err
		}
	}
	res, err = f.network(ctx, f.Method, f.Body, f.requestHeader())
	if err != nil {
		return nil, false, err
	}
	if f.includesCredentials() {
		f.storeCookies(res)
	}
	if again, err = f.judge(res); again || err != nil {
		skim(res)
		return nil, again, err
	}
	return res, false, nil
}

// judge is step 5.5 and what follows.
func (f *fetching) judge(res *http.Response) (again bool, err error) {
	redirects := fetchrules.IsRedirectStatus(res.StatusCode)
	switch f.tainting {
	case "cors":
		err = f.checkCORS(res.Header)
	case "opaque":
		err = f.checkResourcePolicy(res.Header)
	}
	if err != nil {
		if e := (*BlockedError)(nil); errors.As(err, &e) && !redirects {
			e.Status = res.StatusCode
		}
		return false, err
	}
	if !redirects {
		return false, nil
	}
	switch f.Redirect {
	case "error":
		return false, blocked("a redirect, which the request takes for an error")
	case "manual":
		f.tainting = "opaqueredirect"
		return false, nil
	}
	return f.redirect(res)
}

// requestHeader is Fetch, "HTTP-network-or-cache fetch", steps 8.7 to 8.22: the header of
// the page's with the user agent's.
func (f *fetching) requestHeader() http.Header {
	h := f.Header.Clone()
	for name, values := range f.Agent {
		if h[name] == nil {
			h[name] = values
		}
	}
	f.setContext(h, f.Mode)
	if f.includesCredentials() {
		f.setCookies(h)
	}
	return h
}

// setContext says where the request comes from.
func (f *fetching) setContext(h http.Header, mode string) {
	if f.referrer != nil {
		h.Set("Referer", f.referrer.Href(true))
	}
	if origin := f.originHeader(); origin != "" {
		h.Set("Origin", origin)
	}
	f.setMetadata(h, mode)
}

// includesCredentials is step 8.3.
func (f *fetching) includesCredentials() bool {
	return f.Credentials == "include" || f.Credentials == "same-origin" && f.tainting == "basic"
}

// network is Fetch, "HTTP-network fetch". Credentials in the URL wait for a server that
// asks for them, and nobody answers it.
func (f *fetching) network(ctx context.Context, method string, body []byte, h http.Header) (*http.Response, error) {
	u, err := target(f.url().Href(true))
	if err != nil {
		return nil, err
	}
	q := f.Request
	q.Method, q.Body = method, body
	res, err := f.client.exchange(ctx, &q, u, h)
	if err == nil && res.StatusCode == http.StatusProxyAuthRequired {
		res.Body.Close()
		return nil, errors.New("network error: the proxy wants a user and a password")
	}
	return res, err
}
