//go:build unix

package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// patience is how long the tests wait for what should come in a moment.
const patience = 15 * time.Second

// A browser is a headless Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context // of the tab that it began with
}

// A tab is one that the test has a hand on.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := browsertest.FindChromium()
	proctest.Needs(t, "Chromium", path != "")
	return &browser{t, browsertest.StartChromium(t, path, 2*time.Minute)}
}

// open opens a page in a tab without a debugger, which could change how the page ends.
func (b *browser) open(url string) target.ID {
	b.t.Helper()
	made, err := chromedp.CallBrowser(b.ctx, target.CreateTarget, target.CreateTargetParams{URL: url})
	if err != nil {
		b.t.Fatalf("open %s: %v", url, err)
	}
	return made.TargetID
}

// close closes a tab as its user does.
func (b *browser) close(id target.ID) {
	b.t.Helper()
	if _, err := chromedp.CallBrowser(b.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: id}); err != nil {
		b.t.Fatalf("close the tab: %v", err)
	}
}

// awaitGone waits until the tab is closed.
func (b *browser) awaitGone(id target.ID) {
	b.t.Helper()
	is := func(tab *target.Info) bool { return tab.TargetID == id }
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		tabs, err := chromedp.Targets(b.ctx)
		if err == nil && !slices.ContainsFunc(tabs, is) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("the tab is still there after %v: %v", patience, err)
		}
	}
}

// attach takes hold of a tab, a new one if id is "". Each of watch is called with every
// event of the tab.
func (b *browser) attach(id target.ID, watch ...func(any)) *tab {
	b.t.Helper()
	var options []chromedp.ContextOption
	if id != "" {
		options = append(options, chromedp.WithTargetID(id))
	}
	for _, w := range watch {
		options = append(options, chromedp.WithListener(w))
	}
	ctx, _ := chromedp.NewContext(b.ctx, options...)
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatalf("attach to a tab: %v", err)
	}
	return &tab{b.t, ctx}
}

func (tab *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	if err := chromedp.Do(tab.ctx, steps...); err != nil {
		tab.t.Fatalf("%s: %v", what, err)
	}
}

// evaluate is a step that runs JavaScript.
func evaluate(js string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](js)
}

// await evaluates JavaScript until it is neither false, null nor an exception, and
// returns what it is then. Between two pages an exception is usual.
func await[T any](tab *tab, what, js string) T {
	tab.t.Helper()
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithDeadline(tab.ctx, deadline)
		v, err := chromedp.Run(ctx, chromedp.Evaluate[*T]("("+js+") || null"))
		cancel()
		if err == nil && v != nil {
			return *v
		}
		last = err
	}
	tab.t.Fatalf("%s: not within %v (%v): %s", what, patience, last, js)
	panic("unreachable")
}
