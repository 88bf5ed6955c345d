package conformance

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// chromium is a headless Chromium with a profile of its own, and one tab.
type chromium struct {
	t       testing.TB
	browser context.Context
	tab     context.Context // nil when it is closed
}

func startChromium(t testing.TB, s *sites) engine {
	t.Helper()
	path := browsertest.FindChromium()
	if path == "" {
		t.Fatal("there is no Chromium: run scripts/install-tools")
	}
	return &chromium{t: t, browser: browsertest.StartChromium(t, path, 5*time.Minute,
		chromedp.UserDataDir(profile(t)),
		chromedp.Flag("ignore-certificate-errors-spki-list", s.spki),
		chromedp.Flag("host-resolver-rules", "MAP localhost 127.0.0.1, MAP *.test 127.0.0.1"))}
}

// profile is a directory whose preferences let other sites have cookies: some builds
// refuse them unless they are told.
func profile(t testing.TB) string {
	dir := t.TempDir()
	err := os.Mkdir(filepath.Join(dir, "Default"), 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "Default", "Preferences"), []byte(`{"profile": {"block_third_party_cookies": false, "cookie_controls_mode": 0}}`), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (c *chromium) name() string { return "chromium" }

func (c *chromium) open(url string) {
	c.t.Helper()
	if c.tab == nil {
		c.tab, _ = chromedp.NewContext(c.browser)
	} else {
		// To its own URL with a fragment a page would only scroll: it takes on another first.
		c.evaluate(`history.replaceState(null, '', '/left')`)
	}
	if err := chromedp.Do(c.tab, chromedp.Navigate(url)); err != nil {
		c.t.Fatalf("open %s: %v", url, err)
	}
}

func (c *chromium) evaluate(js string) (string, error) {
	ctx, cancel := context.WithTimeout(c.tab, 30*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string](js, chromedp.EvalAwaitPromise))
}

func (c *chromium) close() {
	c.t.Helper()
	id := chromedp.FromContext(c.tab).Target.TargetID
	if _, err := chromedp.CallBrowser(c.browser, target.CloseTarget, target.CloseTargetParams{TargetID: id}); err != nil {
		c.t.Fatalf("close the tab: %v", err)
	}
	c.tab = nil
}
