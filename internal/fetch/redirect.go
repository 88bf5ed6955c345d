package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// redirect is Fetch, "HTTP-redirect fetch": the request that follows from the answer,
// or nil where the answer is the last one.
func redirect(q Request, res *http.Response) (*Request, error) {
	if !fetchrules.IsRedirectStatus(res.StatusCode) {
		return nil, nil
	}
	location := res.Header.Values("Location")
	if len(location) == 0 {
		return nil, nil // a redirect status without a target is an answer like any other
	}
	from, err := weburl.Parse(q.URL)
	if err != nil {
		return nil, fmt.Errorf("network error: %w", err)
	}
	to, err := from.Parse(location[0])
	if err != nil {
		// Not what it says: it can have a secret in it, and this goes into a log.
		return nil, errors.New("network error: redirect to what is no URL")
	}
	if !weburl.IsHTTP(to) {
		return nil, fmt.Errorf("network error: redirect to scheme %q", to.Scheme())
	}
	next := q
	next.URL = to.Href(true)
	next.Header = q.Header.Clone()
	next.redirected(res.StatusCode)
	if !weburl.OriginOf(from).Same(weburl.OriginOf(to)) {
		leaveOrigin(next.Header)
	}
	return &next, nil
}

// redirected is step 12: some redirects make a GET of the request. The header is its own.
func (q *Request) redirected(status int) {
	if status > 302 && status != 303 ||
		status <= 302 && q.Method != "POST" || status == 303 && (q.Method == "GET" || q.Method == "HEAD") {
		return
	}
	q.Method, q.Body, q.dropped = "GET", nil, true
	for _, name := range [...]string{"Content-Encoding", "Content-Language", "Content-Location", "Content-Type", "Content-Length"} {
		q.Header.Del(name)
	}
}

// leaveOrigin is step 13. The standard drops Authorization; a program's other headers can
// be as secret.
func leaveOrigin(h http.Header) {
	for name := range h {
		switch canonical := http.CanonicalHeaderKey(name); {
		case strings.HasPrefix(canonical, "Content-"), canonical == "Idempotency-Key", canonical == "User-Agent":
		default:
			delete(h, name)
		}
	}
}

// redirect is "HTTP-redirect fetch" of a page's request. It says whether the answer
// redirects it.
func (f *fetching) redirect(res *http.Response) (bool, error) {
	location := res.Header.Values("Location")
	if len(location) == 0 {
		return false, nil
	}
	from := f.url()
	to, err := from.Parse(location[0])
	switch {
	case err != nil || len(location) > 1:
		return false, blocked("redirect to what is no URL")
	case !weburl.IsHTTP(to):
		return false, blocked("redirect to scheme %q", to.Scheme())
	case len(f.urls) > maxRedirects:
		return false, blocked("more than %d redirects", maxRedirects)
	}
	if to.Username() != "" || to.Password() != "" {
		if f.tainting == "cors" || f.Mode == "cors" && !f.origin.Same(weburl.OriginOf(to)) {
			return false, blocked("CORS: redirect to a URL with a user or a password")
		}
	}
	f.redirected(res.StatusCode)
	if !weburl.OriginOf(from).Same(weburl.OriginOf(to)) {
		f.Header.Del("Authorization")
		leaveOrigin(f.Agent)
	}
	f.urls = append(f.urls, to)
	// Referrer Policy, "Set request's referrer policy on redirect".
	if policy := referrerPolicyOf(res.Header); policy != "" {
		f.policy = policy
	}
	return true, nil
}
