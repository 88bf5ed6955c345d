package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/nlnwa/whatwg-url/url"
)

// redirect is Fetch, "HTTP-redirect fetch": the request that follows from the answer,
// or nil where the answer is the last one.
func redirect(q Request, res *http.Response) (*Request, error) {
	switch res.StatusCode {
	case 301, 302, 303, 307, 308:
	default:
		return nil, nil
	}
	location := res.Header.Values("Location")
	if len(location) == 0 {
		return nil, nil // a redirect status without a target is an answer like any other
	}
	from, err := url.Parse(q.URL)
	if err != nil {
		return nil, fmt.Errorf("network error: %w", err)
	}
	to, err := from.Parse(location[0])
	if err != nil {
		// Not what it says: it can have a secret in it, and this goes into a log.
		return nil, errors.New("network error: redirect to what is no URL")
	}
	if to.Scheme() != "http" && to.Scheme() != "https" {
		return nil, fmt.Errorf("network error: redirect to scheme %q", to.Scheme())
	}
	next := q
	next.URL = to.Href(true)
	next.Header = q.Header.Clone()
	if res.StatusCode <= 302 && q.Method == "POST" || res.StatusCode == 303 && q.Method != "GET" && q.Method != "HEAD" {
		next.Method, next.Body = "GET", nil
		for _, name := range [...]string{"Content-Encoding", "Content-Language", "Content-Location", "Content-Type", "Content-Length"} {
			next.Header.Del(name)
		}
	}
	if !sameOrigin(from, to) {
		// The standard drops Authorization; a program's other headers can be as secret.
		for name := range next.Header {
			if !strings.HasPrefix(name, "Content-") && name != "Idempotency-Key" && name != "User-Agent" {
				next.Header.Del(name)
			}
		}
	}
	return &next, nil
}

func sameOrigin(a, b *url.Url) bool {
	return a.Scheme() == b.Scheme() && a.Host() == b.Host()
}
