package fetch

import (
	"fmt"
	"net/url"
	"strings"
)

// target makes of a serialised URL what net/http takes. Its path and query go out to
// the byte as they stand in the string: where net/url refuses them or would write them
// in another way, they are passed through as the opaque part, which makes the request
// line an absolute URL, as proxies want it (RFC 9112, section 3.2.2).
func target(href string) (*url.URL, error) {
	scheme, rest, ok := strings.Cut(href, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("network error: %q is no http or https URL", href)
	}
	rest, _, _ = strings.Cut(rest, "#")
	authority, path := rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	u := &url.URL{Scheme: scheme, Host: authority}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		u.Host = authority[i+1:]
		user, password, has := strings.Cut(authority[:i], ":")
		u.User = url.User(unescape(user))
		if has {
			u.User = url.UserPassword(unescape(user), unescape(password))
		}
	}
	if p, err := url.Parse(scheme + "://" + u.Host + path); err == nil && p.RequestURI() == path {
		p.User = u.User
		return p, nil
	}
	u.Opaque = "//" + u.Host + path
	return u, nil
}

// originForm leaves the path alone of an opaque part, for a server that is asked directly.
func originForm(u *url.URL) {
	if path := strings.TrimPrefix(u.Opaque, "//"+u.Host); path != u.Opaque && !strings.HasPrefix(path, "//") {
		u.Opaque = path
	}
}

func unescape(s string) string {
	if v, err := url.PathUnescape(s); err == nil {
		return v
	}
	return s
}
