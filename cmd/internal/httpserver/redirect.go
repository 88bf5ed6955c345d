package httpserver

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Redirect is the handler of the plain listener beside a TLS listener. It is safe for concurrent use.
//
//	admin endpoints    403
//	beacons            the answer of Beacons, or 403
//	GET and HEAD       308 to the same URL by https
//	another host       421 instead of 403 or 308, unless it is an admin endpoint
//
// 308 keeps the method, and browsers follow it for scripts, pictures and frames too.
//
// A refused beacon gets 403, because it is final everywhere: a browser drops the beacon, and trackers and the
// deliverer do not send it again. The browser's network log has the text. Other answers are worse:
//
//   - 308 has clients send the body again by https. It was readable on the way once, and nothing shows that to
//     the operator. A browser sends Origin null with it (Fetch, "HTTP-redirect fetch"), which --origin refuses.
//     Many programs don't follow redirects of a POST.
//   - 421 has browsers send the same request once more on a new connection (Fetch, "HTTP-network-or-cache
//     fetch").
//   - 426 must name a protocol in Upgrade, and browsers don't upgrade plain http.
type Redirect struct {
	Port     int // of the TLS listener
	HTTPPort int // of the plain listener

	// Names reports whether https works for a host, a name or an IP address without a port. Only such
	// hosts are redirected to, so that no Host of a client's choice gets into the Location.
	Names func(host string) bool

	// Beacons takes beacons: each POST, each OPTIONS, and each GET for which IsPixel is true. If it is nil,
	// POST and OPTIONS are refused, and a GET of a pixel is redirected as any other.
	Beacons http.Handler
	IsPixel func(*http.Request) bool

	// Logger logs that beacons are refused, at most once an hour. If it is nil, nothing is logged.
	Logger *slog.Logger

	refused hourly // beacons
}

// redirectAge is how long browsers may keep a redirect, in seconds. Without it they would keep a 308 for an
// unlimited time, also after the operator has taken the TLS listener away.
const redirectAge = "86400"

func (h *Redirect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := hostname(r.Host)
	target := url.URL{Scheme: "https", Host: h.authority(host, r.Host)}
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case isAdmin(r):
		w.Header().Set("Cache-Control", "no-store")
		text := fmt.Sprintf("The admin endpoints are at %s only.", &target)
		if r.Header.Get("Authorization") != "" {
			text += " The token in this request could be read on its way: if this machine is not the collector's, replace the token."
		}
		http.Error(w, text, http.StatusForbidden)
	case h.Beacons != nil && (!get || h.IsPixel(r)):
		h.Beacons.ServeHTTP(w, r)
	case !h.Names(host):
		http.Error(w, "This collector has no certificate for this name: use a name of its certificate.", http.StatusMisdirectedRequest)
	case get:
		target.Path, target.RawPath, target.RawQuery = r.URL.Path, r.URL.RawPath, r.URL.RawQuery
		w.Header().Set("Location", target.String())
		w.Header().Set("Cache-Control", "max-age="+redirectAge)
		w.WriteHeader(http.StatusPermanentRedirect)
	default:
		if count := h.refused.add(time.Now()); count > 0 && h.Logger != nil {
			h.Logger.Warn("beacons refused on plain http", "count", count, "hint", "have pages and programs send to https, or allow http with --http-beacons")
		}
		http.Error(w, fmt.Sprintf("Beacons are taken by https only: send them to %s. The operator can allow http with --http-beacons.", &target), http.StatusForbidden)
	}
}

// authority returns the host and port of the TLS listener's URLs. A client that reached the plain listener at
// another port than the listener's is behind a mapping of ports, such as a container's. Then https has its
// usual port.
func (h *Redirect) authority(host, hostport string) string {
	port := (&url.URL{Host: hostport}).Port()
	if port == "" {
		port = "80"
	}
	switch {
	case h.Port != 443 && port == strconv.Itoa(h.HTTPPort):
		return net.JoinHostPort(host, strconv.Itoa(h.Port))
	case strings.Contains(host, ":"): // IPv6
		return "[" + host + "]"
	}
	return host
}

// adminPrefix is the path of the admin endpoints.
const adminPrefix = "/-/"

// isAdmin reports whether a request is for an admin endpoint, or has a token for the page at /, which the
// client would send again after a redirect.
func isAdmin(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, adminPrefix) || r.URL.Path == "/" && r.Header.Get("Authorization") != ""
}

// hostname returns the host of a Host header without port, brackets and a last dot.
func hostname(host string) string {
	return strings.TrimSuffix((&url.URL{Host: host}).Hostname(), ".")
}
