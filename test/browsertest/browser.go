//go:build unix

package browsertest

import (
	"os"
	"testing"
	"time"
)

// The engines that Start knows.
const (
	Chromium = "Chromium"
	Firefox  = "Firefox"
	WebKit   = "WebKit"
)

const (
	startLimit   = time.Minute      // from the start of a browser's process to its first command
	closeLimit   = 30 * time.Second // from the command to close to the end of the process
	commandLimit = time.Minute      // for one command, such as to load a page
)

// A Browser is a headless browser with a profile of its own. Pages may open windows. In Chromium and
// Firefox all host names are the address 127.0.0.1. WebKit has no such setting: it reaches the names that
// the system resolves.
type Browser interface {
	// Engine returns the engine, such as Chromium.
	Engine() string
	// Version returns the name and version of the browser's program.
	Version() string
	// Open opens a page in a new tab in front of a window that has more tabs, and waits until it is loaded. If that fails, or a later
	// use of the tab except Evaluate, the test t fails and ends.
	Open(t testing.TB, url string) Tab
	// OpenWindow is Open in a new window whose only tab this is.
	OpenWindow(t testing.TB, url string) Tab
	// Quit closes the browser as its user does and waits for the end of its processes.
	Quit(t testing.TB)
	// Signal sends a signal to the main process, or SIGKILL to all processes of the browser, and waits
	// for their end.
	Signal(t testing.TB, s os.Signal)
	// Crash kills the processes that run pages. After that the browser takes no command but Signal.
	Crash(t testing.TB)
}

// A Tab is a tab of a browser.
type Tab interface {
	// Navigate loads a page as if its URL were typed, and waits until it is loaded.
	Navigate(url string)
	// Click clicks on the first element that a CSS selector matches. The event is trusted.
	Click(selector string)
	// Evaluate runs JavaScript in the page and returns its value, or that of the promise that it
	// returns. The value is nil, a string, a float64, a bool, a []any or a map[string]any. An exception,
	// a value of another type and a closed tab are errors.
	Evaluate(js string) (any, error)
	// Close closes the tab as its user does.
	Close()
}

// HideAutomation is JavaScript that sets navigator.webdriver to false in its page.
const HideAutomation = `Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })`

// Engines returns all engines, also those that are missing on this machine.
func Engines() []string { return []string{Chromium, Firefox, WebKit} }

// Start starts a browser that ends with the test. On a machine without it the test is skipped, or fails
// if the environment has CI=true.
func Start(t testing.TB, engine string) Browser {
	t.Helper()
	switch engine {
	case Chromium:
		return startChromiumBrowser(t)
	case Firefox:
		return startFirefox(t)
	case WebKit:
		return startWebKit(t)
	}
	t.Fatalf("browsertest.Start: %q is none of %q", engine, Engines())
	return nil
}
