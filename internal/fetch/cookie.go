package fetch

import (
	"net/http"
	"net/http/cookiejar"
	neturl "net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// setCookies is Fetch, "append a request Cookie header".
func (f *fetching) setCookies(h http.Header) {
	var cookies []*http.Cookie
	switch jar := f.Page.Jar.(type) {
	case nil:
	case *Jar:
		cookies = jar.cookies(f.cookieURL(), f.isCrossSite())
	default:
		cookies = jar.Cookies(f.cookieURL())
	}
	var pairs []string
	for _, c := range cookies {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	if len(pairs) > 0 {
		h.Set("Cookie", strings.Join(pairs, "; "))
	}
}

// storeCookies is Fetch, "parse and store response Set-Cookie headers".
func (f *fetching) storeCookies(res *http.Response) {
	if f.Page.Jar == nil {
		return
	}
	crossSite := f.isCrossSite()
	// What is not for other sites is not set by another site's page.
	cookies := slices.DeleteFunc(res.Cookies(), func(c *http.Cookie) bool { return crossSite && !crosses(c) })
	if len(cookies) > 0 {
		f.Page.Jar.SetCookies(f.cookieURL(), cookies)
	}
}

// cookieURL is the current URL as a jar wants it.
func (f *fetching) cookieURL() *neturl.URL {
	u := f.url()
	return &neturl.URL{Scheme: u.Scheme(), Host: u.Host(), Path: u.Pathname()}
}

// isCrossSite is Fetch, "determine the same-site mode", and RFC 6265bis, "Same-site
// Requests".
func (f *fetching) isCrossSite() bool {
	return !f.origin.SameSite(weburl.OriginOf(f.url())) || f.redirectTaint() == "cross-site"
}

// crosses says whether a cookie goes to its site from others. Without the attribute it is
// Lax.
func crosses(c *http.Cookie) bool { return c.SameSite == http.SameSiteNoneMode }

// A Jar is a jar for pages, which heeds SameSite and the other rules of RFC 6265bis that a
// jar of net/http/cookiejar does not. It is safe for concurrent use.
type Jar struct {
	// kinds are jars of that package, which tell of their cookies no more than name and
	// value: so there is one for each combination of the two attributes that matter here.
	kinds map[cookieKind]*cookiejar.Jar
}

type cookieKind struct{ crosses, secure bool }

// NewJar returns an empty jar.
func NewJar() *Jar {
	j := &Jar{kinds: map[cookieKind]*cookiejar.Jar{}}
	for _, kind := range []cookieKind{{false, false}, {false, true}, {true, false}, {true, true}} {
		jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
		if err != nil {
			panic(err) // it has none
		}
		j.kinds[kind] = jar
	}
	return j
}

// Cookies returns the cookies for a request of the URL's own site.
func (j *Jar) Cookies(u *neturl.URL) []*http.Cookie { return j.cookies(u, false) }

func (j *Jar) cookies(u *neturl.URL, crossSite bool) (cookies []*http.Cookie) {
	for kind, jar := range j.kinds {
		if (kind.crosses || !crossSite) && (!kind.secure || u.Scheme == "https") {
			cookies = append(cookies, jar.Cookies(u)...)
		}
	}
	slices.SortStableFunc(cookies, func(a, b *http.Cookie) int { return strings.Compare(a.Name, b.Name) })
	return cookies
}

// SetCookies is RFC 6265bis, "Storage Model", as far as the attributes go.
func (j *Jar) SetCookies(u *neturl.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		if !j.mayStore(u, c) {
			continue
		}
		own := cookieKind{crosses(c), c.Secure}
		for kind, jar := range j.kinds {
			if kind == own {
				jar.SetCookies(u, []*http.Cookie{c})
				continue
			}
			// One with other attributes takes its place.
			gone := *c
			gone.MaxAge, gone.Value = -1, ""
			jar.SetCookies(u, []*http.Cookie{&gone})
		}
	}
}

func (j *Jar) mayStore(u *neturl.URL, c *http.Cookie) bool {
	secure := u.Scheme == "https"
	name := strings.ToLower(c.Name)
	switch {
	case c.Secure && !secure, crosses(c) && !c.Secure:
		return false
	case strings.HasPrefix(name, "__secure-") && !c.Secure:
		return false
	case strings.HasPrefix(name, "__host-") && (!c.Secure || c.Domain != "" || c.Path != "/"):
		return false
	}
	// "Leave secure cookies alone": http does not change what https has set.
	if !secure {
		overHTTPS := *u
		overHTTPS.Scheme = "https"
		for kind, jar := range j.kinds {
			if kind.secure && slices.ContainsFunc(jar.Cookies(&overHTTPS), func(k *http.Cookie) bool { return k.Name == c.Name }) {
				return false
			}
		}
	}
	return true
}
