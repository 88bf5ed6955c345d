package trackers

import (
	"bytes"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// bundle installs what package-lock.json names where that has not been done, and returns a
// folder with the pages' scripts, each with its tracker in it.
func bundle(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("this needs npm, and there is none")
	}
	lock, err := os.Stat("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	// npm writes it when all is there.
	installed, err := os.Stat("node_modules/.package-lock.json")
	if err != nil || installed.ModTime().Before(lock.ModTime()) {
		out, err := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
		if err != nil {
			t.Logf("npm ci: %s", out)
		}
		proctest.Needs(t, "the packages of package-lock.json", err == nil)
	}
	pages, err := filepath.Glob("pages/*.js")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run(t, "node_modules/.bin/esbuild", append(pages, "--bundle", "--outdir="+dir, "--log-level=warning")...)
	return dir
}

// run returns what a command prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, args[0], err, out, &errs)
	}
	return string(out)
}

// publish serves a page with a tracker, and one without to go to, at an origin that is not the
// collector's, nor of its site.
func publish(t *testing.T, scripts, tracker, collector string) (url string) {
	page := template.Must(template.ParseFiles("pages/page.html"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		page.Execute(w, struct{ Tracker, Collector string }{tracker, collector})
	})
	mux.Handle("GET /", http.FileServer(http.Dir(scripts)))
	mux.HandleFunc("GET /elsewhere", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}
