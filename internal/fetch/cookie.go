package fetch

import (
	"net/http"
	"net/http/cookiejar"
	neturl "net/url"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"
)

// setCookies is Fetch, "append a request Cookie header".
func (f *fetching) setCookies(h http.Header) {
	if f.Page.Jar == nil {
		return
	}
	u, crossSite := f.cookieURL(), f.isCrossSite()
	var pairs []string
	for _, c := range f.Page.Jar.Cookies(u) {
		if f.Page.cookieMemory().goes(u, c.Name, crossSite) {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
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
	u, crossSite := f.cookieURL(), f.isCrossSite()
	var kept []*http.Cookie
	for _, c := range res.Cookies() {
		// RFC 6265bis, "Storage Model": what crosses sites is Secure; others are not set by
		// another site's page.
		if none := c.SameSite == http.SameSiteNoneMode; none && !c.Secure || !none && crossSite {
			continue
		}
		if f.Page.cookieMemory().remember(u.Hostname(), c) {
			kept = append(kept, c)
		}
	}
	if len(kept) > 0 {
		f.Page.Jar.SetCookies(u, kept)
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
	return !f.origin.sameSite(originOf(f.url())) || f.redirectTaint() == "cross-site"
}

// maxRemembered is the most cookies whose SameSite a page remembers.
const maxRemembered = 3000

// A Jar is one of net/http/cookiejar that also heeds SameSite, for all the pages that share
// it. It is safe for concurrent use.
type Jar struct {
	*cookiejar.Jar
	memory sameSiteMemory
}

// NewJar returns an empty jar.
func NewJar() *Jar {
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		panic(err) // it has none
	}
	return &Jar{Jar: jar}
}

func (p *Page) cookieMemory() *sameSiteMemory {
	if jar, ok := p.Jar.(*Jar); ok {
		return &jar.memory
	}
	return &p.sameSite
}

// A sameSiteMemory remembers the attributes of the cookies that came to a page, since
// a jar of net/http/cookiejar does not say them. Of cookies that were put into the jar in
// another way nothing is known; they cross sites.
type sameSiteMemory struct {
	mu   sync.Mutex
	kept map[rememberedCookie]cookieRules
}

type cookieRules struct{ none, secure bool } // without SameSite it is Lax

// A rememberedCookie may be several, with other paths; the last one counts for all.
type rememberedCookie struct{ domain, name string }

// remember says whether the cookie can be stored.
func (m *sameSiteMemory) remember(host string, c *http.Cookie) bool {
	domain := host
	if d := strings.ToLower(strings.TrimPrefix(c.Domain, ".")); d != "" {
		domain = d
	}
	key := rememberedCookie{domain, c.Name}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[rememberedCookie]cookieRules{}
	}
	if _, known := m.kept[key]; !known && len(m.kept) >= maxRemembered {
		return false
	}
	m.kept[key] = cookieRules{c.SameSite == http.SameSiteNoneMode, c.Secure}
	return true
}

// goes says whether the cookie of that name goes to the URL: a Secure one, which a jar lets go
// to loopback, over https alone.
func (m *sameSiteMemory) goes(to *neturl.URL, name string, crossSite bool) bool {
	host := to.Hostname()
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		if rules, known := m.kept[rememberedCookie{host, name}]; known && (crossSite && !rules.none || rules.secure && to.Scheme != "https") {
			return false
		}
		_, parent, ok := strings.Cut(host, ".")
		if !ok {
			return true
		}
		host = parent
	}
}
