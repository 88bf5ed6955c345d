package trackers

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

// bundle returns a folder with the pages' scripts, each with its library in it.
func bundle(t *testing.T) string {
	t.Helper()
	browsertest.InstallNode(t, "pages")
	pages, err := filepath.Glob("pages/*.js")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	collectortest.Run(t, "pages/node_modules/.bin/esbuild", append(pages, "--bundle", "--outdir="+dir, "--log-level=error",
		"--define:process.env.NODE_ENV=\"production\"")...)
	return dir
}

// publish serves the page of a script, and a page without one to go to. Their origin and site are not the collector's.
// It also serves pages/settings, for libraries that load their settings.
func publish(t *testing.T, scripts, script, collector string) (url string) {
	page := template.Must(template.ParseFiles("pages/page.html"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		page.Execute(w, struct{ Script, Collector string }{script, collector})
	})
	mux.Handle("GET /", http.FileServer(http.Dir(scripts)))
	mux.Handle("GET /settings/", http.StripPrefix("/settings/", http.FileServer(http.Dir("pages/settings"))))
	mux.HandleFunc("GET /elsewhere", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}
