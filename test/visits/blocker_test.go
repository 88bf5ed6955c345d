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

// TestBlocker_UBlockOrigin_EventsAsInDocument compares the events that arrive from a Firefox with uBlock Origin, whose
// folder is in BEACON_BLOCKER, with the table in docs/script.md.
func TestBlocker_UBlockOrigin_EventsAsInDocument(t *testing.T) {
	folder := os.Getenv("BEACON_BLOCKER")
	if folder == "" {
		t.Skip("BEACON_BLOCKER names no extension")
	}
	c := collectortest.Serve(t, collectortest.Build(t))
	at, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	named := func(url, name string) string { return strings.Replace(url, "127.0.0.1", name, 1) }
	other := named(c.URL, "collector.example")
	pages := map[string]struct {
		script string
		want   string // names and numbers of the events
	}{
		"own":         {"/visits.js", "[[leave 2] [own 1] [view 1]]"},
		"own-alias":   {"/beacon.js", "[]"},
		"cross":       {other + "/visits.js", "[[leave 1]]"},
		"cross-alias": {other + "/beacon.js", "[]"},
	}
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(at)) // the collector at the site's own host
	for name, page := range pages {
		mux.HandleFunc("/page/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!doctype html><title>Shop</title><script>%s</script><script defer src="%s"></script>`, browsertest.HideAutomation, page.script)
		})
	}
	site := httptest.NewServer(mux)
	defer site.Close()

	b := browsertest.Start(t, browsertest.Firefox)
	browsertest.InstallExtension(t, b, folder)
	time.Sleep(15 * time.Second) // it loads its lists
	for name, page := range pages {
		tab := b.Open(t, named(site.URL, "shop.test")+"/page/"+name)
		time.Sleep(time.Second)
		tab.Evaluate("window.beacon?.('own'), null")
		tab.Navigate("about:blank")
		time.Sleep(2 * time.Second) // what is not blocked arrives
		got := c.Query(t, "select name, count(*)::varchar from beacons where path = '/page/"+name+"' group by name order by name")
		if fmt.Sprint(got) != page.want {
			t.Errorf("%s: got %v, want %s", name, got, page.want)
		}
	}
}
