//go:build unix

package main

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// A webTab is a tab of a browser of any engine.
type webTab interface {
	Navigate(url string)
	Evaluate(js string) (any, error)
	Close()
}

func (tab *tab) Navigate(url string) {
	tab.t.Helper()
	tab.do("open "+url, chromedp.Navigate(url))
}

func (tab *tab) Evaluate(js string) (any, error) {
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[any](js, chromedp.EvalAwaitPromise))
}

func (tab *tab) Close() {
	tab.t.Helper()
	if err := chromedp.Cancel(tab.ctx); err != nil {
		tab.t.Fatalf("close a tab: %v", err)
	}
}

// An opener opens a page in a new tab of a browser.
type opener func(t *testing.T, url string) webTab

// engines start a browser in which all host names are this machine and pages may open windows.
var engines = map[string]func(t *testing.T) opener{
	"Chromium": func(t *testing.T) opener {
		path := browsertest.FindChromium()
		proctest.Needs(t, "Chromium", path != "")
		ctx := browsertest.StartChromium(t, path, 10*time.Minute,
			chromedp.Flag("host-resolver-rules", "MAP * 127.0.0.1"),
			chromedp.Flag("disable-popup-blocking", true))
		return func(t *testing.T, url string) webTab {
			tab := (&browser{t, ctx}).attach("")
			tab.Navigate(url)
			return tab
		}
	},
	"Firefox": func(t *testing.T) opener {
		// Else a WebSocket that is refused delays the next one, by up to a minute.
		f := browsertest.StartFirefox(t, `user_pref("network.websocket.delay-failed-reconnects", false);`)
		return func(t *testing.T, url string) webTab { return f.Open(t, url) }
	},
}
