package trackers

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// chromium is a headless Chromium with a profile of its own, which writes down what it does
// on the network.
type chromium struct {
	t   *testing.T
	ctx context.Context
	log string // a file that is whole when the browser is closed
}

func startChromium(t *testing.T) *chromium {
	t.Helper()
	path := browsertest.FindChromium()
	proctest.Needs(t, "Chromium", path != "")
	log := filepath.Join(t.TempDir(), "net-log.json")
	return &chromium{t, browsertest.StartChromium(t, path, 2*time.Minute,
		// Trackers ignore visits of browsers that announce automation.
		chromedp.Flag("disable-blink-features", "AutomationControlled"),
		chromedp.UserAgent("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"),
		chromedp.Flag("log-net-log", log),
		chromedp.Flag("net-log-capture-mode", "Everything"),
		// The certificate is the test's own. The log shows requests of HTTP/1.1 as text.
		chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("disable-http2", true),
	), log}
}

// open opens a page in a tab of its own.
func (c *chromium) open(url string) (tab context.Context) {
	c.t.Helper()
	tab, _ = chromedp.NewContext(c.ctx)
	if err := chromedp.Do(tab); err != nil {
		c.t.Fatalf("open a tab: %v", err)
	}
	c.do(tab, "open "+url, chromedp.Navigate(url))
	return tab
}

func (c *chromium) do(tab context.Context, what string, steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(tab, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}

// closeTab closes a tab as its user does.
func (c *chromium) closeTab(tab context.Context) {
	c.t.Helper()
	id := chromedp.FromContext(tab).Target.TargetID
	if _, err := chromedp.CallBrowser(c.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: id}); err != nil {
		c.t.Fatalf("close the tab: %v", err)
	}
}

// close closes the browser as its user does: what it logged is whole then.
func (c *chromium) close() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil {
		c.t.Fatalf("close Chromium: %v", err)
	}
}
