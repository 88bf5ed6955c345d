//go:build unix

package browsertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// preferences are the first of every profile. With its remote control Firefox sets more of them: it turns
// off telemetry, Safe Browsing, the check for captive portals, and updates of itself. Some of its own
// requests remain, such as those for remote settings.
const preferences = `
user_pref("network.dns.forceResolve", "127.0.0.1"); // each name is this machine: no request leaves it
user_pref("network.trr.mode", 5); // no DNS over HTTPS
user_pref("network.proxy.type", 0);
user_pref("network.websocket.delay-failed-reconnects", false); // a refused WebSocket does not delay the next one
user_pref("dom.disable_open_during_load", false); // pages may open windows
`

// A firefox is the Browser of Firefox.
type firefox struct {
	session *session
	group   group
	version string
	ended   chan struct{} // closed at the end of the main process
}

func startFirefox(t testing.TB) *firefox {
	t.Helper()
	path := findFirefox()
	proctest.Needs(t, Firefox, path != "")
	lines := preferences
	home := t.TempDir()
	profile := filepath.Join(home, "profile")
	err := os.Mkdir(profile, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(profile, "user.js"), []byte(lines), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}

	ctx, kill := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0")
	// The crash reporter would be a process outside the process group.
	cmd.Env = append(os.Environ(), "HOME="+home, "MOZ_CRASHREPORTER_DISABLE=1")
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// All its processes inherit this pipe, so that Wait waits for the last of them.
	output, input := io.Pipe()
	cmd.Stdout, cmd.Stderr = input, input
	cmd.WaitDelay = closeLimit
	if err := cmd.Start(); err != nil {
		kill()
		t.Fatal(err)
	}
	f := &firefox{group: group(cmd.Process.Pid), ended: make(chan struct{})}
	go func() {
		if err := cmd.Wait(); errors.Is(err, exec.ErrWaitDelay) {
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		input.Close()
		close(f.ended)
	}()
	t.Cleanup(func() {
		f.close()
		timer := time.AfterFunc(closeLimit, kill)
		<-f.ended
		timer.Stop()
		kill()
	})

	timer := time.AfterFunc(startLimit, kill)
	defer timer.Stop()
	address, err := readAddress(output)
	if err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	go io.Copy(io.Discard, output)
	if f.session, f.version, err = connect(ctx, address); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return f
}

// findFirefox returns the path of a Firefox, or "".
func findFirefox() string {
	for _, name := range []string{"firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// readAddress reads Firefox's output up to the line with the address at which it takes commands. The
// error has the whole output.
func readAddress(output io.Reader) (url string, err error) {
	var all strings.Builder
	for lines := bufio.NewReader(output); ; {
		line, err := lines.ReadString('\n')
		if url, ok := strings.CutPrefix(line, "WebDriver BiDi listening on "); ok && err == nil {
			return strings.TrimSpace(url), nil
		}
		all.WriteString(line)
		if err != nil {
			return "", fmt.Errorf("it ended before it took commands: %s", &all)
		}
	}
}

func (f *firefox) Engine() string  { return Firefox }
func (f *firefox) Version() string { return f.version }

func (f *firefox) Open(t testing.TB, url string) Tab {
	t.Helper()
	return f.open(t, url, "tab")
}

func (f *firefox) OpenWindow(t testing.TB, url string) Tab {
	t.Helper()
	return f.open(t, url, "window")
}

func (f *firefox) open(t testing.TB, url, kind string) Tab {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	tab, err := f.session.openTab(ctx, t, kind)
	if err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	tab.Navigate(url)
	return tab
}

func (f *firefox) Quit(t testing.TB) {
	t.Helper()
	f.close()
	f.group.awaitEnd(t, anyProcess)
}

func (f *firefox) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if s == syscall.SIGKILL {
		f.group.kill(t, anyProcess)
	} else if err := syscall.Kill(int(f.group), s.(syscall.Signal)); err != nil {
		t.Fatalf("signal %v: %v", s, err)
	}
	f.group.awaitEnd(t, anyProcess)
}

func (f *firefox) Crash(t testing.TB) {
	t.Helper()
	// The last argument is the kind of the process.
	f.group.kill(t, func(p process) bool {
		return strings.Contains(p.command, "-contentproc") && strings.HasSuffix(p.command, " tab")
	})
}

// close closes Firefox as its user does. An error means that it is gone or has to be killed.
func (f *firefox) close() {
	if f.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	f.session.command(ctx, "browser.close", map[string]any{}, nil)
}
