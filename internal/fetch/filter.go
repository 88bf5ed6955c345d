package fetch

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
)

// filtered is the rest of main fetch: the response with what the page may see of it
// (Fetch, "filtered response"). Status and RetryAfter are for whoever delivers.
func (f *fetching) filtered(res *http.Response) (Response, error) {
	r := Response{
		Status: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now()),
		Dropped: f.Request.dropped, Type: f.tainting,
	}
	if f.tainting == "opaque" {
		skim(res)
		return r, nil
	}
	r.URL = f.url().Href(true)
	if f.tainting == "opaqueredirect" {
		skim(res)
		return r, nil
	}
	r.Redirected = len(f.urls) > 1
	if res.ProtoMajor == 1 { // later ones have none
		_, r.StatusText, _ = strings.Cut(res.Status, " ")
	}
	r.Header = f.exposed(res.Header)
	switch {
	case f.Method == "HEAD", fetchrules.IsNullBodyStatus(res.StatusCode), f.ReadBody <= 0:
		skim(res)
		return r, nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, f.ReadBody+1))
	if err != nil {
		return Response{}, fmt.Errorf("network error: %w", err)
	}
	if int64(len(body)) > f.ReadBody {
		return Response{}, fmt.Errorf("network error: the answer is over %d bytes", f.ReadBody)
	}
	r.Body = body
	return r, nil
}

// exposed is the header list of a basic or a CORS filtered response.
func (f *fetching) exposed(h http.Header) http.Header {
	all, names := f.tainting == "basic", []string(nil)
	if !all {
		names, _ = listValues(h, "Access-Control-Expose-Headers")
		all = f.Credentials != "include" && slices.Contains(names, "*")
	}
	seen := make(http.Header, len(h))
	for name, values := range h {
		if fetchrules.IsForbiddenResponseName(name) {
			continue
		}
		if all || isSafelistedResponseName(name) || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			seen[name] = values
		}
	}
	return seen
}

// isSafelistedResponseName is Fetch, "CORS-safelisted response-header name".
func isSafelistedResponseName(name string) bool {
	switch name {
	case "Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires", "Last-Modified", "Pragma":
		return true
	}
	return false
}
