package beacon

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/nlnwa/whatwg-url/url"
)

// STUB: everything in this file is replaced when the standard branch is put together.

// Fetch stands in for the real one.
func (n *Navigator) Fetch(ctx context.Context, r *Request) (*Response, error) {
	base := n.Page.Base
	if base == "" {
		base = n.Page.URL
	}
	u, err := url.ParseRef(base, r.URL)
	if err != nil {
		return nil, typeErrorf("%q is no URL", r.URL)
	}
	if n.Page.Intercept != nil {
		if res, err := n.Page.Intercept(ctx, r); res != nil || err != nil {
			return res, err
		}
	}
	method := r.Method
	if method == "" {
		method = "GET"
	}
	q, err := http.NewRequestWithContext(ctx, method, u.Href(true), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for k, v := range r.Header {
		q.Header[k] = v
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return &Response{Type: "basic", URL: u.Href(true), Status: res.StatusCode, StatusText: http.StatusText(res.StatusCode), Header: res.Header, Body: body}, err
}
