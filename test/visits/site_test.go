//go:build unix

package visits

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// newSite serves a site whose pages load the script of a collector. The collector has another origin and site.
func newSite(t *testing.T, collector string) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/favicon.ico" {
			return
		}
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>%[1]s</title><link rel="icon" href="data:,">
			<script>%[2]s</script><script defer src="%[3]s/visits.js" data-query="run"></script>
			<h1>%[1]s</h1><p><a id="on" href="/on">on</a><p><button>a button</button>`,
			r.URL.Path, browsertest.HideAutomation, collector)
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}
