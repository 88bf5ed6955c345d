//go:build unix

package browsertest

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// A webKit is the Browser of WebKit: WebKitGTK's MiniBrowser on an X server of its own. Only the first tab
// of a window is visible, so each tab of Open is the first of a window with two.
type webKit struct {
	driver  *driver
	group   group // the driver and the browser
	version string
	first   string            // the handle of the first window's tab, which stays open
	second  map[string]string // the handle of a window's second tab, by that of its first
}

// findWebKit returns the paths of WebKitGTK's driver and of MiniBrowser, or "".
func findWebKit() (driver, browser string) {
	driver, err := exec.LookPath("WebKitWebDriver")
	if err != nil {
		return "", ""
	}
	for _, pattern := range []string{"/usr/lib/*/webkit2gtk-4.*/MiniBrowser", "/usr/libexec/webkit2gtk-4.*/MiniBrowser"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return driver, found[len(found)-1]
		}
	}
	return "", ""
}

func startWebKit(t testing.TB) *webKit {
	t.Helper()
	driverPath, browserPath := findWebKit()
	proctest.Needs(t, "WebKitGTK with its driver", driverPath != "" && browserPath != "")
	display := startXvfb(t)
	port := freePort(t)
	cmd := exec.Command(driverPath, "--port="+port)
	cmd.Env = webKitEnvironment(t, display)
	w := &webKit{driver: &driver{url: "http://127.0.0.1:" + port}, group: startInGroup(t, cmd)}

	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for w.driver.command(ctx, http.MethodGet, "/status", nil, nil) != nil {
		select {
		case <-ctx.Done():
			t.Fatalf("start %s: no answer after %v: %v", driverPath, startLimit, cmd.Stderr)
		case <-time.After(20 * time.Millisecond):
		}
	}
	version, err := w.driver.begin(ctx, map[string]any{
		"webkitgtk:browserOptions": map[string]any{"binary": browserPath, "args": []string{"--automation"}},
	})
	if err != nil {
		t.Fatalf("start %s: %v: %v", browserPath, err, cmd.Stderr)
	}
	w.version = "WebKitGTK " + version
	handles, err := w.driver.handles(ctx)
	if err != nil || len(handles) != 1 {
		t.Fatalf("start %s: it has the tabs %q: %v", browserPath, handles, err)
	}
	w.first, w.second = handles[0], map[string]string{}
	t.Cleanup(func() {
		// The driver ends the browser with its session.
		ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
		defer cancel()
		w.driver.command(ctx, http.MethodDelete, "", nil, nil)
	})
	return w
}

// webKitEnvironment returns the environment of the driver and of its browser, whose files are in
// directories of the test.
func webKitEnvironment(t testing.TB, display string) []string {
	t.Helper()
	home := t.TempDir()
	runtime := filepath.Join(home, "run")
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "DISPLAY="+display, "GDK_BACKEND=x11", "HOME="+home,
		"XDG_RUNTIME_DIR="+runtime, "XDG_CONFIG_HOME="+filepath.Join(home, "config"),
		"XDG_CACHE_HOME="+filepath.Join(home, "cache"), "XDG_DATA_HOME="+filepath.Join(home, "data"),
		// No desktop's services answer: neither settings nor accessibility.
		"DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(runtime, "no-bus"), "GTK_USE_PORTAL=0", "NO_AT_BRIDGE=1", "GSETTINGS_BACKEND=memory")
}

// freePort returns a TCP port that nothing listens on. Another process may take it before its use.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func (w *webKit) Engine() string  { return WebKit }
func (w *webKit) Version() string { return w.version }

func (w *webKit) Open(t testing.TB, url string) Tab {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	w.closeSeconds(ctx)
	tab := w.openWindow(t, ctx)
	second, err := w.driver.openTab(ctx, tab.handle, "tab")
	if err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	w.second[tab.handle] = second
	tab.Navigate(url)
	return tab
}

func (w *webKit) OpenWindow(t testing.TB, url string) Tab {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	tab := w.openWindow(t, ctx)
	tab.Navigate(url)
	return tab
}

func (w *webKit) openWindow(t testing.TB, ctx context.Context) *driverTab {
	t.Helper()
	handle, err := w.driver.openTab(ctx, w.first, "window")
	if err != nil {
		t.Fatalf("open a window: %v", err)
	}
	return &driverTab{t, w.driver, handle}
}

// closeSeconds closes the second tabs of windows whose first tab is closed.
func (w *webKit) closeSeconds(ctx context.Context) {
	handles, err := w.driver.handles(ctx)
	if err != nil {
		return // the next command reports it
	}
	for first, second := range w.second {
		if !slices.Contains(handles, first) {
			w.driver.in(ctx, second, func() error {
				return w.driver.command(ctx, http.MethodDelete, "/window", nil, nil)
			})
			delete(w.second, first)
		}
	}
}

// Quit closes all tabs: the last one ends the browser. The end of the session would kill it.
func (w *webKit) Quit(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	handles, err := w.driver.handles(ctx)
	if err != nil {
		t.Fatalf("quit: %v", err)
	}
	for _, handle := range handles {
		tab := &driverTab{t, w.driver, handle}
		tab.Close()
	}
	w.group.awaitEnd(t, w.isOfBrowser)
}

func (w *webKit) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if s == syscall.SIGKILL {
		w.group.kill(t, w.isOfBrowser)
	} else {
		for _, p := range w.group.processes(t) {
			if strings.Contains(p.command, "MiniBrowser") {
				syscall.Kill(p.id, s.(syscall.Signal))
			}
		}
	}
	w.group.awaitEnd(t, w.isOfBrowser)
}

func (w *webKit) Crash(t testing.TB) {
	t.Helper()
	w.group.kill(t, func(p process) bool { return strings.Contains(p.command, "WebKitWebProcess") })
}

// isOfBrowser reports whether a process of the group is one of the browser and not its driver.
func (w *webKit) isOfBrowser(p process) bool { return p.id != int(w.group) }
