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

const (
	startLimit = time.Minute      // from the start of the process to a session
	closeLimit = 15 * time.Second // from the command to close to the end of the process
)

// preferences are the first of every profile. With its remote control Firefox sets more of them: it turns
// off telemetry, Safe Browsing, the check for captive portals, and updates of itself. Some of its own
// requests remain, such as those for remote settings.
const preferences = `
user_pref("network.dns.forceResolve", "127.0.0.1"); // each name is this machine: no request leaves it
user_pref("network.trr.mode", 5); // no DNS over HTTPS
user_pref("network.proxy.type", 0);
`

// A Firefox is a headless Firefox with a profile of its own. All host names are the address 127.0.0.1
// in it. Its methods are safe for concurrent use.
type Firefox struct{ session *session }

// StartFirefox starts a Firefox that ends with the test. The lines of more, such as
// user_pref("name", true); follow its own preferences. On a machine without Firefox the test is skipped,
// or fails if the environment has CI=true.
func StartFirefox(t testing.TB, more ...string) *Firefox {
	t.Helper()
	path := findFirefox()
	proctest.Needs(t, "Firefox", path != "")
	home := t.TempDir()
	profile := filepath.Join(home, "profile")
	err := os.Mkdir(profile, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(profile, "user.js"), []byte(preferences+strings.Join(more, "\n")), 0o600)
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
	ended := make(chan struct{})
	go func() {
		if err := cmd.Wait(); errors.Is(err, exec.ErrWaitDelay) {
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		input.Close()
		close(ended)
	}()
	f := &Firefox{}
	t.Cleanup(func() {
		f.close()
		timer := time.AfterFunc(closeLimit, kill)
		<-ended
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
	if f.session, err = connect(ctx, address); err != nil {
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

// Open opens a page in a new tab and waits until it is loaded. If that fails, or a later use of the tab
// except Evaluate, the test t fails and ends.
func (f *Firefox) Open(t testing.TB, url string) *Tab {
	t.Helper()
	tab, err := f.session.openTab(t)
	if err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	tab.Navigate(url)
	return tab
}

// close closes Firefox as its user does. An error means that it is gone or has to be killed.
func (f *Firefox) close() {
	if f.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	f.session.command(ctx, "browser.close", map[string]any{}, nil)
}
