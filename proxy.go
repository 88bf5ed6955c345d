package beacon

import (
	"net/url"
	"os"

	"golang.org/x/net/http/httpproxy"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
)

// A proxyEnvironment is what the environment says of proxies.
type proxyEnvironment [7]string

func currentProxyEnvironment() (env proxyEnvironment) {
	for i, name := range [...]string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"} {
		env[i] = os.Getenv(name)
	}
	return env
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
