package conformance

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/navigator"
	"github.com/seed-d051cf5a/beacon/page"
)

// A goPage is the engine of this project.
type goPage struct {
	t     testing.TB
	s     *sites
	agent *navigator.Agent
	jar   http.CookieJar
	page  *page.Page // nil when it is closed
}

func startPage(t testing.TB, s *sites) engine {
	t.Helper()
	// insecure.test has no address: the server of http is the proxy for it.
	os.Setenv("HTTP_PROXY", s.origins["plain"])
	outbox, err := os.MkdirTemp("", "beacon-conformance-")
	if err != nil {
		t.Fatal(err)
	}
	agent := navigator.NewAgent(navigator.Config{Dir: filepath.Join(outbox, "outbox"), TLS: &tls.Config{RootCAs: s.roots}})
	t.Cleanup(func() {
		agent.Close()
		os.RemoveAll(outbox)
	})
	return &goPage{t: t, s: s, agent: agent, jar: navigator.NewJar()}
}

func (g *goPage) name() string { return ours }

func (g *goPage) open(at string) {
	g.t.Helper()
	g.ask()
	g.close()
	u, err := url.Parse(at)
	if err != nil {
		g.t.Fatal(err)
	}
	settings := &navigator.Page{URL: at, Jar: g.jar}
	if u.Path == "/doc" {
		g.s.mu.Lock()
		settings.ReferrerPolicy = g.s.page.Policy
		for _, value := range g.s.page.CSP {
			settings.ContentSecurityPolicy = append(settings.ContentSecurityPolicy, g.s.urls("").Replace(value))
		}
		g.s.mu.Unlock()
	}
	g.page, err = page.New(page.Options{Navigator: &navigator.Navigator{Agent: g.agent, Page: settings}})
	if err != nil {
		g.t.Fatal(err)
	}
	origins, _ := json.Marshal(g.s.origins)
	scripts := "globalThis.sites = " + string(origins) + "\n" + suite
	if strings.HasPrefix(u.Path, "/control/") {
		scripts = "fetch(location.href, { credentials: 'include' })"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err = g.page.Run(ctx, "suite.js", scripts); err == nil {
		if err = g.page.Load(ctx); err == nil {
			err = g.page.Wait(ctx)
		}
	}
	if err != nil {
		g.t.Fatalf("open %s: %v", at, err)
	}
}

func (g *goPage) evaluate(js string) (result string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	err = g.page.Do(ctx, func(r *goja.Runtime) error {
		r.Set("suiteResult", func(s string) { result = s; ended <- nil })
		r.Set("suiteFailure", func(s string) { ended <- errors.New(s) })
		_, err := r.RunString("Promise.resolve(" + js + ").then(suiteResult, e => suiteFailure(String(e)))")
		return err
	})
	if err != nil {
		return "", err
	}
	select {
	case err = <-ended:
		return result, err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// ask dispatches beforeunload, as a browser does before it leaves a page.
func (g *goPage) ask() {
	g.t.Helper()
	if g.page == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := g.page.BeforeUnload(ctx); err != nil {
		g.t.Errorf("ask the page: %v", err)
	}
}

func (g *goPage) close() {
	g.t.Helper()
	if g.page == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := g.page.Close(ctx); err != nil {
		g.t.Errorf("close the page: %v", err)
	}
	g.page = nil
}
