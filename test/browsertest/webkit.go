//go:build unix

package browsertest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// A webKit is the Browser of WebKit: WebKitGTK's MiniBrowser on an X server of its own. Each command for a
// tab brings that tab to the front.
type webKit struct {
	driver  *driver
	group   group // the driver and the browser
	version string
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
	return w.open(t, url, "tab")
}

func (w *webKit) OpenWindow(t testing.TB, url string) Tab {
	t.Helper()
	return w.open(t, url, "window")
}

func (w *webKit) open(t testing.TB, url, kind string) Tab {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	var made struct{ Handle, Type string }
	err := w.driver.command(ctx, http.MethodPost, "/window/new", map[string]any{"type": kind}, &made)
	if err == nil && made.Type != kind {
		err = fmt.Errorf("the driver opened a %s", made.Type)
	}
	if err != nil {
		t.Fatalf("open a %s: %v", kind, err)
	}
	tab := &driverTab{t, w.driver, made.Handle}
	tab.Navigate(url)
	return tab
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
