package fetch

import (
	"fmt"
	"net/url"
	"strings"
)

// maxTargets and maxTarget bound the URLs that a client keeps: their number, and the bytes of each.
const maxTargets, maxTarget = 256, 1 << 10

// target returns the URL of a request. Most requests of a client go to few URLs.
func (c *Client) target(href string) (*url.URL, error) {
	c.mu.Lock()
	u, ok := c.targets[href]
	c.mu.Unlock()
	if ok {
		return &u, nil
	}
	parsed, err := target(href)
	if err != nil {
		return nil, err
	}
	if len(href) > maxTarget {
		return parsed, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.targets) == maxTargets {
		clear(c.targets)
	}
	c.targets[strings.Clone(href)] = *parsed
	return parsed, nil
}

// target returns a serialized URL as net/http takes it. Its path and query are sent with the bytes that they
// have in the string: where net/url refuses them or would write them otherwise, they are the opaque part,
// which makes the request line an absolute URL, as for a proxy (RFC 9112, section 3.2.2).
func target(href string) (*url.URL, error) {
	scheme, rest, ok := strings.Cut(href, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("network error: %q is not an http or https URL", href)
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

// originForm reduces an opaque part to the path, for a request without a proxy.
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
