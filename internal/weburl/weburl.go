// Package weburl is the URL standard's parser, and what the standards say of a URL's origin.
package weburl

import "github.com/nlnwa/whatwg-url/url"

// The "path percent-encode set" has had U+005E (^) since the library was written.
var parser = url.NewParser(url.WithPathPercentEncodeSet(url.PathPercentEncodeSet.Set('^')))

// Parse parses an absolute URL.
func Parse(s string) (*url.Url, error) { return parser.Parse(s) }

// ParseRef parses a URL that may be relative to base; "" is no base.
func ParseRef(base, s string) (*url.Url, error) { return parser.ParseRef(base, s) }

// IsHTTP says whether the URL's scheme is an HTTP(S) scheme (Fetch, "URL").
func IsHTTP(u *url.Url) bool { return u.Scheme() == "http" || u.Scheme() == "https" }
