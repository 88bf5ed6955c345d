package beacon

import (
	"net/url"
	"os"

	"golang.org/x/net/http/httpproxy"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
)

// A proxyEnvironment is what the environment says of proxies to servers of one scheme.
type proxyEnvironment [4]string

func currentProxyEnvironment(scheme string) proxyEnvironment {
	if scheme == "https" {
		return proxyEnvironment{os.Getenv("HTTPS_PROXY"), os.Getenv("https_proxy"), os.Getenv("NO_PROXY"), os.Getenv("no_proxy")}
	}
	return proxyEnvironment{os.Getenv("HTTP_PROXY"), os.Getenv("http_proxy"), os.Getenv("NO_PROXY"), os.Getenv("no_proxy")}
}

// proxyFor is the proxy that the environment names for a server, now: the deliverer's
// environment may be another program's.
func proxyFor(scheme, host string) string {
	proxy, err := httpproxy.FromEnvironment().ProxyFunc()(&url.URL{Scheme: scheme, Host: host})
	if err != nil || proxy == nil {
		return string(fetch.NoProxy)
	}
	return proxy.String()
}
