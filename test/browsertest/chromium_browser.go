//go:build unix

package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// chromiumLife is how long a Chromium may run.
const chromiumLife = 15 * time.Minute

// A chromium is the Browser of Chromium.
type chromium struct {
	ctx     context.Context // of the first tab
	group   group
	version string
}

func startChromiumBrowser(t testing.TB) *chromium {
	t.Helper()
	path := FindChromium()
	proctest.Needs(t, Chromium, path != "")
	options := []chromedp.ExecAllocatorOption{
		chromedp.Flag("host-resolver-rules", "MAP * 127.0.0.1"),
		chromedp.Flag("disable-popup-blocking", true),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { cmd.SysProcAttr = ownGroup() }),
	}
	ctx := StartChromium(t, path, chromiumLife, options...)
	version, err := chromedp.CallBrowser(ctx, browser.GetVersion, cdp.Empty{})
	if err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	product := strings.TrimPrefix(strings.ReplaceAll(version.Product, "/", " "), "Headless")
	return &chromium{ctx, group(chromedp.FromContext(ctx).Browser.Process().Pid), product}
}

func (c *chromium) Engine() string  { return Chromium }
func (c *chromium) Version() string { return c.version }

func (c *chromium) Open(t testing.TB, url string) Tab {
	t.Helper()
	return c.open(t, url, false)
}

func (c *chromium) OpenWindow(t testing.TB, url string) Tab {
	t.Helper()
	return c.open(t, url, true)
}

func (c *chromium) open(t testing.TB, url string, window bool) Tab {
	t.Helper()
	made, err := chromedp.CallBrowser(c.ctx, target.CreateTarget, target.CreateTargetParams{NewWindow: &window})
	if err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	ctx, _ := chromedp.NewContext(c.ctx, chromedp.WithTargetID(made.TargetID))
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("attach to a tab: %v", err)
	}
	tab := &chromiumTab{t, c, ctx, made.TargetID}
	tab.Navigate(url)
	return tab
}

func (c *chromium) Quit(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, closeLimit)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil {
		t.Fatalf("close Chromium: %v", err)
	}
	c.group.awaitEnd(t, anyProcess)
}

func (c *chromium) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if s == syscall.SIGKILL {
		c.group.kill(t, anyProcess)
	} else if err := chromedp.FromContext(c.ctx).Browser.Process().Signal(s); err != nil {
		t.Fatalf("signal %v: %v", s, err)
	}
	c.group.awaitEnd(t, anyProcess)
}

func (c *chromium) Crash(t testing.TB) {
	t.Helper()
	c.group.kill(t, func(p process) bool { return strings.Contains(p.command, "--type=renderer") })
}

// A chromiumTab is the Tab of Chromium.
type chromiumTab struct {
	t   testing.TB
	c   *chromium
	ctx context.Context
	id  target.ID
}

func (tab *chromiumTab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, commandLimit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		tab.t.Fatalf("%s: %v", what, err)
	}
}

func (tab *chromiumTab) Navigate(url string) {
	tab.t.Helper()
	tab.do("open "+url, chromedp.Navigate(url))
}

func (tab *chromiumTab) Click(selector string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, commandLimit)
	defer cancel()
	// chromedp's own search for a node never ends in a page that is back from the back/forward cache.
	center := fmt.Sprintf(`(() => {
		const element = document.querySelector(%q);
		element.scrollIntoView({ block: 'center' });
		const box = element.getBoundingClientRect();
		return [box.x + box.width / 2, box.y + box.height / 2];
	})()`, selector)
	at, err := chromedp.Run(ctx, chromedp.Evaluate[[2]float64](center))
	if err == nil {
		err = chromedp.Do(ctx, chromedp.MouseClickXY(at[0], at[1]))
	}
	if err != nil {
		tab.t.Fatalf("click on %s: %v", selector, err)
	}
}

func (tab *chromiumTab) Evaluate(js string) (any, error) {
	ctx, cancel := context.WithTimeout(tab.ctx, commandLimit)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[any](js, chromedp.EvalAwaitPromise))
}

func (tab *chromiumTab) Close() {
	tab.t.Helper()
	detached, err := chromedp.Detached(tab.ctx)
	if err != nil {
		tab.t.Fatalf("close a tab: %v", err)
	}
	if _, err := chromedp.CallBrowser(tab.c.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: tab.id}); err != nil {
		tab.t.Fatalf("close a tab: %v", err)
	}
	select {
	case <-detached:
	case <-time.After(closeLimit):
		tab.t.Fatalf("close a tab: it is still open after %v", closeLimit)
	}
}
