package browsertest

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// FindChromium returns the path of a Chromium, or "" without one.
func FindChromium() string {
	for _, name := range []string{
		"chromium", "google-chrome", "google-chrome-stable",
		"chromium-browser", // last: Ubuntu's only says which snap to install
		"/Applications/Chromium.app/Contents/MacOS/Chromium",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// StartChromium starts the Chromium at path, headless and with a profile of its own, and returns the chromedp
// context of its first tab. Chromium ends with the test, or after life.
func StartChromium(t testing.TB, path string, life time.Duration, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.Flag("headless", "new"),
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		// Only the tests cause requests.
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-quic", true),
		// A container's /dev/shm is often too small.
		chromedp.Flag("disable-dev-shm-usage", true),
		// It asks for no password store.
		chromedp.Flag("password-store", "basic"),
		chromedp.Flag("use-mock-keychain", true),
	}
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // its sandbox refuses root
	}
	ctx, kill := context.WithTimeout(context.Background(), life)
	ctx, wait := chromedp.NewExecAllocator(ctx, append(options, more...)...)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() { kill(); wait() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}
