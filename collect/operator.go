package collect

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Operator lets only operators through to h: whoever has the token, or, where there is
// none, whoever sits at this machine.
func (c *Collector) Operator(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case foreignPage(r):
			http.Error(w, "Another site's page can't ask this.", http.StatusForbidden)
		case c.options.Token != "" && !hasToken(r, c.options.Token):
			w.Header().Set("WWW-Authenticate", `Bearer realm="beacon"`)
			http.Error(w, "This needs the collector's token: send it as \"Authorization: Bearer TOKEN\".", http.StatusUnauthorized)
		case c.options.Token == "" && !local(r):
			http.Error(w, "Without a token this is open on the collector's own machine only: start it with --token.", http.StatusForbidden)
		default:
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			h.ServeHTTP(w, r)
		}
	})
}

// Watcher lets operators through to h, and whoever sits at this machine, token or not: for
// what tells nothing of anybody, and what a supervisor or a load balancer asks all the time.
func (c *Collector) Watcher(h http.Handler) http.Handler {
	operator := c.Operator(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local(r) && !foreignPage(r) {
			w.Header().Set("Cache-Control", "no-store")
			h.ServeHTTP(w, r)
			return
		}
		operator.ServeHTTP(w, r)
	})
}

func hasToken(r *http.Request, token string) bool {
	scheme, given, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") { // RFC 9110, 11.1
		given = r.URL.Query().Get("token")
	}
	return subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}

// local says whether the request comes from this machine and was meant for it. The name
// it was sent to counts too: a site whose name was made to point here is another site
// (DNS rebinding), and so does a proxy's mark.
func local(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, mark := range [...]string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		// Present is enough: a proxy may add its line below an empty one of the client's.
		if len(r.Header[mark]) > 0 {
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

// foreignPage says whether a browser sends this for a page of another origin.
func foreignPage(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		// Following a link is fine; a script's request or a frame is not.
		return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document" || r.Method != http.MethodGet
	}
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host
}
