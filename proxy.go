package beacon

import (
	"net/url"

	"golang.org/x/net/http/httpproxy"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
)

// proxyFor is the proxy that the environment names for a URL, now: the deliverer's
// environment may be another program's.
func proxyFor(href string) string {
	u, err := url.Parse(href)
	if err != nil {
		// net/url does not read it; the scheme and host are what matters here.
		return string(fetch.NoProxy)
	}
	proxy, err := httpproxy.FromEnvironment().ProxyFunc()(u)
	if err != nil || proxy == nil {
		return string(fetch.NoProxy)
	}
	return proxy.String()
}
