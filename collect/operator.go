package collect

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// cookieName is the login cookie's name on plain http. On https it has cookiePrefix, which makes
	// browsers refuse the cookie from any other host and from plain http.
	cookieName   = "beacon-operator"
	cookiePrefix = "__Host-"
	// cookieLabel is what the cookie's value is the HMAC of. Another label ends all logins.
	cookieLabel = "beacon operator login 1"
	cookieAge   = 30 * 24 * time.Hour

	// longestToken is how many bytes of a login are read.
	longestToken = 4 << 10
)

// Operator lets requests of operators through to h, at most most of them at a time. An operator's
// request has Options.Token, as "Authorization: Bearer …" or by the login cookie. All others get an
// answer that says what to do:
//
//	403  a page of another origin caused the request, whatever it carries; or Options.Token is empty
//	401  the request has neither the token nor the cookie
//	503  most requests are running
//
// Stats.Operators counts the requests that reach h, by kind.
func (c *Collector) Operator(kind string, most int, h http.Handler) http.Handler {
	return c.operator(kind, most, h, c.refuseOperator)
}

// operator lets requests through to h for which refuse returns nil.
func (c *Collector) operator(kind string, most int, h http.Handler, refuse func(*http.Request) *refusal) http.Handler {
	running := make(chan struct{}, most)
	c.metrics.operators.add(kind, 0)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		adminHeaders(w)
		if no := refuse(r); no != nil {
			no.answer(w)
			return
		}
		select {
		case running <- struct{}{}:
			defer func() { <-running }()
		default:
			no := refusal{status: http.StatusServiceUnavailable, wait: retryAfter,
				text: fmt.Sprintf("%d requests of this kind (%s) are running, which is the most: try again when one of them has ended.", most, kind)}
			no.answer(w)
			return
		}
		c.metrics.operators.add(kind, 1)
		h.ServeHTTP(w, r)
	})
}

// OperatorPage is Operator for a page that a person opens: a GET that only shows something. The login cookie counts for a
// typed URL or a bookmark too. Who has not logged in is sent to the form at /-/login, with the page's URL in "to". So is
// who follows a link of another origin, without the URL: nothing of the link's query has an effect.
func (c *Collector) OperatorPage(kind string, most int, h http.Handler) http.Handler {
	refuse := func(r *http.Request) *refusal {
		shows := r.Method == http.MethodGet || r.Method == http.MethodHead
		if shows && c.causeOf(r) == unknown && c.options.Token != "" && c.hasCookie(r) {
			return nil
		}
		return c.refuseOperator(r)
	}
	operator := c.operator(kind, most, h, refuse)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.options.Token == "" || refuse(r) == nil {
			operator.ServeHTTP(w, r)
			return
		}
		adminHeaders(w)
		to := Operators + "login"
		if c.causeOf(r) != foreignPage && r.URL.RequestURI() != "/" {
			to += "?to=" + url.QueryEscape(r.URL.RequestURI())
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
}

// LocalOrOperator lets requests that a program of this machine sends to this machine through to h
// without the token, and from elsewhere those of operators. It is for health checks and metrics,
// which have nothing of any beacon.
func (c *Collector) LocalOrOperator(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		adminHeaders(w)
		no := c.refuseForeign(r)
		if no == nil && !local(r) {
			no = c.refuseOperator(r)
		}
		if no != nil {
			no.answer(w)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// LocalOrToken is LocalOrOperator for a server without a collector, by the same rules. Without a token only requests of
// this machine get through.
func LocalOrToken(token string, h http.Handler) http.Handler {
	c := &Collector{options: Options{Token: token}}
	return c.LocalOrOperator(h)
}

// adminHeaders sets the header of each answer of an admin endpoint: no cache keeps it, and no page of
// another origin can embed it.
func adminHeaders(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// refuseOperator returns why a request is not an operator's, or nil.
func (c *Collector) refuseOperator(r *http.Request) *refusal {
	from := c.causeOf(r)
	switch {
	case from == foreignPage:
		return c.refuseForeign(r)
	case c.options.Token == "":
		return &refusal{status: http.StatusForbidden, text: "This collector has no token, so it has no operators: set Options.Token, or run it as \"beacon serve\", which makes one."}
	case c.hasToken(r), from == ownPage && c.hasCookie(r):
		return nil
	case c.hasCookie(r):
		return &refusal{status: http.StatusForbidden, text: "The login cookie counts for requests of the collector's own page only, not for typed URLs: open that page, or send the token as \"Authorization: Bearer TOKEN\"."}
	}
	return &refusal{status: http.StatusUnauthorized, text: "This needs the collector's token: send it as \"Authorization: Bearer TOKEN\", or log in at /-/login."}
}

// refuseForeign returns why a request is refused before its credentials are read, or nil.
func (c *Collector) refuseForeign(r *http.Request) *refusal {
	if c.causeOf(r) != foreignPage {
		return nil
	}
	text := "A page of another origin caused this request: open the collector's own page instead."
	if r.Header.Get("Sec-Fetch-Site") == "" {
		text += " If this is its own page, have the proxy in front of the collector pass on the header Host."
	}
	return &refusal{status: http.StatusForbidden, text: text}
}

// A cause is what made a browser or a program send a request.
type cause int

const (
	unknown     cause = iota // a program, a person who typed a URL, or a browser that does not say
	ownPage                  // a page of the collector
	foreignPage              // a page of another origin, by a script, a form, an element or a link
)

// causeOf returns what caused a request. Browsers say so in Sec-Fetch-Site. On plain http to another
// machine they send none; Origin and Referer name the page there, and a page can leave Referer out but
// not change it.
func (c *Collector) causeOf(r *http.Request) cause {
	page := r.Header.Get("Origin")
	if page == "null" { // a page in a sandbox, or a file
		return foreignPage
	}
	if len(r.Header["Origin"]) > 1 || len(r.Header["Sec-Fetch-Site"]) > 1 { // no browser sends them twice
		return foreignPage
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return ownPage
	case "none": // a person typed a URL; but another site's may have redirected it here
		return unknown
	case "":
	default:
		return foreignPage
	}
	if page == "" {
		u, err := url.Parse(r.Referer())
		if err != nil || u.Host == "" {
			return unknown
		}
		page = u.Scheme + "://" + u.Host
	}
	// A proxy that is not trusted may have received an http request by https.
	if page == "https://"+r.Host || page == "http://"+r.Host && c.from(r).scheme == "http" {
		return ownPage
	}
	return foreignPage
}

// Imports reports whether a request is an import with the operators' token. Such a request may be long and
// slow. It is safe for concurrent use.
func (c *Collector) Imports(r *http.Request) bool {
	return r.URL.EscapedPath() == Operators+"import" && c.options.Token != "" && c.hasToken(r)
}

func (c *Collector) hasToken(r *http.Request) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && equal(given, c.options.Token) // RFC 9110, 11.1
}

// hasCookie looks at each cookie of the name: a sibling domain can add one.
func (c *Collector) hasCookie(r *http.Request) bool {
	for _, cookie := range r.Cookies() {
		if (cookie.Name == cookieName || cookie.Name == cookiePrefix+cookieName) && c.validCookie(cookie.Value, time.Now()) {
			return true
		}
	}
	return false
}

func equal(given, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

// cookieValue returns the time of a login, in hexadecimal, and its MAC. The MAC's key is the token, so
// that the cookie stays valid across restarts, ends with the token, and does not show the token.
func cookieValue(token string, login time.Time) string {
	at := strconv.FormatInt(login.Unix(), 16)
	mac := hmac.New(sha256.New, []byte(token))
	io.WriteString(mac, cookieLabel+at)
	return at + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// validCookie reports whether the value is that of a login within the last cookieAge.
func (c *Collector) validCookie(value string, now time.Time) bool {
	text, _, _ := strings.Cut(value, ".")
	seconds, err := strconv.ParseInt(text, 16, 64)
	login := time.Unix(seconds, 0)
	return err == nil && now.Sub(login) < cookieAge && equal(value, cookieValue(c.options.Token, login))
}

// login answers POST /-/login, whose body is the token, with the login cookie.
func (c *Collector) login(w http.ResponseWriter, r *http.Request) {
	adminHeaders(w)
	no := c.refuseForeign(r)
	if no == nil && c.options.Token == "" {
		no = c.refuseOperator(r) // it says how to set one
	}
	if no == nil {
		given, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestToken))
		if err != nil || !equal(strings.TrimSpace(string(given)), c.options.Token) {
			no = &refusal{status: http.StatusUnauthorized, text: "This is not the collector's token."}
		}
	}
	if no != nil {
		no.answer(w)
		return
	}
	c.metrics.operators.add("login", 1)
	c.setCookie(w, r, cookieValue(c.options.Token, time.Now()), int(cookieAge.Seconds()))
	w.WriteHeader(http.StatusNoContent)
}

// logout answers POST /-/logout: it deletes the login cookie from this browser.
func (c *Collector) logout(w http.ResponseWriter, r *http.Request) {
	adminHeaders(w)
	if no := c.refuseForeign(r); no != nil {
		no.answer(w)
		return
	}
	c.setCookie(w, r, "", -1)
	w.WriteHeader(http.StatusNoContent)
}

// setCookie sets the login cookie for age seconds, or deletes it if age is negative. A request over
// https deletes the one of plain http too, which browsers also send over https.
func (c *Collector) setCookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	cookie := http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if c.from(r).scheme == "https" {
		if age < 0 {
			http.SetCookie(w, &cookie)
		}
		cookie.Name, cookie.Secure = cookiePrefix+cookieName, true
	}
	http.SetCookie(w, &cookie)
}

// local reports whether the request comes from this machine, through no proxy, and was sent to a name
// of this machine. The name matters because a page of another site can make its own name point here
// (DNS rebinding).
func local(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	for name := range r.Header {
		// Present is enough: a proxy may add its line below an empty one of the client's.
		if name == "Via" || strings.Contains(name, "Forwarded") || strings.Contains(name, "-Ip") || strings.HasSuffix(name, "ip") || strings.Contains(name, "-Addr") {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
