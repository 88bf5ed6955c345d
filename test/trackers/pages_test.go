package trackers

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

// bundle returns a folder with the pages' scripts, each with its library in it.
func bundle(t *testing.T) string {
	t.Helper()
	installNode(t, "pages")
	pages, err := filepath.Glob("pages/*.js")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	collectortest.Run(t, "pages/node_modules/.bin/esbuild", append(pages, "--bundle", "--outdir="+dir, "--log-level=error",
		"--define:process.env.NODE_ENV=\"production\"")...)
	return dir
}

// nodeMutex is held while packages are installed.
var nodeMutex sync.Mutex

// installNode installs the packages of a folder's package-lock.json in its node_modules, unless they are there.
func installNode(t *testing.T, folder string) {
	t.Helper()
	nodeMutex.Lock()
	defer nodeMutex.Unlock()
	npm, err := exec.LookPath("npm")
	proctest.Needs(t, "npm", err == nil)
	lock, err := os.Stat(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	// npm writes this file at the end of an installation.
	installed, err := os.Stat(filepath.Join(folder, "node_modules/.package-lock.json"))
	if err == nil && !installed.ModTime().Before(lock.ModTime()) {
		return
	}
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("npm ci: %s", out)
	}
	proctest.Needs(t, "the packages of "+folder+"/package-lock.json", err == nil)
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
