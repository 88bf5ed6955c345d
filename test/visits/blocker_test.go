//go:build unix

package visits

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

// TestBlocker_UBlockOrigin_EventsThatArrive prints which events arrive from a Firefox with an extension that blocks
// trackers, whose folder is in BEACON_BLOCKER. docs/script.md has what uBlock Origin lets through.
func TestBlocker_UBlockOrigin_EventsThatArrive(t *testing.T) {
	folder := os.Getenv("BEACON_BLOCKER")
	if folder == "" {
		t.Skip("BEACON_BLOCKER names no extension")
	}
	c := collectortest.Serve(t, collectortest.Build(t))
	own := httptest.NewServer(nil)
	defer own.Close()
	at, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(at)
	b := browsertest.Start(t, browsertest.Firefox)
	browsertest.InstallExtension(t, b, folder)
	time.Sleep(15 * time.Second) // it loads its lists

	host := func(url, name string) string { return strings.Replace(url, "127.0.0.1", name, 1) }
	for name, script := range map[string]string{
		"own-default": "/visits.js", "own-alias": "/beacon.js",
		"cross-default": host(c.URL, "collector.example") + "/visits.js", "cross-alias": host(c.URL, "collector.example") + "/beacon.js",
	} {
		own.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/"+name {
				forward.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!doctype html><title>Shop</title><script>%s</script><script defer src="%s"></script>`, browsertest.HideAutomation, script)
		})
		tab := b.Open(t, host(own.URL, "shop.test")+"/"+name)
		time.Sleep(time.Second)
		tab.Evaluate("window.beacon?.('own event'), null")
		time.Sleep(time.Second)
		tab.Navigate("about:blank")
		time.Sleep(2 * time.Second)
		t.Logf("%s: %v", name, c.Query(t, "select name, count(*)::varchar from beacons where path = '/"+name+"' group by name"))
	}
}
