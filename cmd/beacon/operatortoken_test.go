//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// madeToken is a token as serve makes it.
var madeToken = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func TestServeToken_EachSource_IsTakenInThisOrder(t *testing.T) {
	const made = "kL1MVl9rR0mD7Qm1q5L0f3M1Zk2m4o6q8sAuCwEyG0I"
	for _, x := range []struct {
		name        string
		environment string // BEACON_TOKEN; "-" is not set
		file        string // of --token-file; "-" leaves the flag out
		data        string // the data folder's; "-" leaves it out
		want        string // the token; "new" is one that serve makes
		says        string // the error
	}{
		{"the environment", "token-of-the-environment", "token-of-the-file", made, "token-of-the-environment", ""},
		{"an empty environment", "", "token-of-the-file", made, "", "BEACON_TOKEN is empty"},
		{"an environment that can be guessed", "short", "-", made, "", "has 5 characters, and others could guess it: use at least 16"},
		{"a file that can be guessed", "-", "short", made, "", "has 5 characters, and others could guess it: use at least 16"},
		{"an environment with a space", "a b", "-", made, "", "space"},
		{"an environment with a line break", "ab\n", "-", made, "", "space"},
		{"an environment that is too long", strings.Repeat("x", longestToken), "-", made, "", "more than 4095 bytes"},
		{"the file's first line", "-", " token-of-the-file\t\r\nmore", made, "token-of-the-file", ""},
		{"a file without a line break", "-", "token-of-the-file", made, "token-of-the-file", ""},
		{"an empty file", "-", "", made, "", "is empty: write the token there"},
		{"a file whose first line is empty", "-", "\ntoken-of-the-file", made, "", "is empty: write the token there"},
		{"a file with a space", "-", "file token", made, "", "space"},
		{"a file that is too long", "-", strings.Repeat("x", 2*longestToken), made, "", "more than 4095 bytes"},
		{"the data folder", "-", "-", made + "\n", made, ""},
		{"an empty one in the data folder", "-", "-", "", "", "empty or damaged\nhint: delete the file"},
		{"half of one in the data folder", "-", "-", made[:20], "", "empty or damaged\nhint: delete the file"},
		{"another text in the data folder", "-", "-", strings.Repeat("*", 43), "", "empty or damaged\nhint: delete the file"},
		{"nothing", "-", "-", "-", "new", ""},
	} {
		dir := t.TempDir()
		path := func(name, text string) string {
			if text == "-" {
				return ""
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, name)
		}
		path(tokenFile, x.data)
		t.Setenv(tokenVariable, x.environment)
		if x.environment == "-" {
			os.Unsetenv(tokenVariable)
		}
		var log bytes.Buffer
		got, err := serveToken(path("file", x.file), dir, newLog(&log))
		switch {
		case x.says != "":
			if err == nil || !strings.Contains(err.Error(), x.says) {
				t.Errorf("%s: error %v, want %q", x.name, err, x.says)
			}
		case err != nil:
			t.Errorf("%s: %v", x.name, err)
		case x.want == "new":
			if !got.isNew || !madeToken.MatchString(got.text) {
				t.Errorf("%s: %+v, want a new token", x.name, got)
			}
		case got.isNew || got.text != x.want:
			t.Errorf("%s: %+v, want %s", x.name, got, x.want)
		}
		if log.Len() > 0 {
			t.Errorf("%s: the log has %s", x.name, &log)
		}
	}
	for _, file := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		if _, err := serveToken(file, t.TempDir(), newLog(os.Stderr)); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("--token-file %s: %v, want an error with the name", file, err)
		}
	}
}

func TestServeToken_OthersCanReadTheFile_IsLogged(t *testing.T) {
	for mode, logged := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o444: true} {
		for _, credential := range []bool{false, true} {
			name := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(name, []byte("token-that-is-long"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
			t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
			if credential {
				t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(name)+"/")
			}
			var log bytes.Buffer
			if _, err := serveToken(name, t.TempDir(), newLog(&log)); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(log.String(), "other users can read") && strings.Contains(log.String(), name); got != (logged && !credential) {
				t.Errorf("mode %v, a credential of systemd: %t: the log has %q", mode, credential, &log)
			}
		}
	}
}

func TestSaveToken_ThereIsOne_IsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := (token{text: "first"}).save(dir); err != nil {
		t.Fatal(err)
	}
	if err := (token{text: "second"}).save(dir); err == nil {
		t.Error("a second token was saved")
	}
	if text, err := os.ReadFile(filepath.Join(dir, tokenFile)); err != nil || string(text) != "first\n" {
		t.Errorf("the file has %q, %v", text, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("the folder has %v", files)
	}
}

// loginPage starts a collector and returns the URL that it prints for a browser.
func (p *place) loginPage(flags ...string) (s *server, page string) {
	p.t.Helper()
	s = &server{p: p, cmd: p.command("command", append([]string{"serve", "--listen", "127.0.0.1:0", "--data", p.data}, flags...)...)}
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(s.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "collects at "); ok {
			s.URL = strings.TrimSuffix(url, "/")
		}
		if url, ok := strings.CutPrefix(lines.Text(), "  page  "); ok {
			return s, url
		}
	}
	p.t.Fatalf("serve %q prints no page", flags)
	return nil, ""
}

func TestServe_EachSourceOfTheToken_ThePrintedURLHasIt(t *testing.T) {
	p := newPlace(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("token-of-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, first := p.loginPage()
	made := p.token()
	if info, err := os.Stat(filepath.Join(p.data, tokenFile)); err != nil || info.Mode().Perm() != 0o600 || !madeToken.MatchString(made) || first != s.URL+"/-/login#"+made {
		t.Fatalf("%v %v, the token is %q and the page %s", info.Mode(), err, made, first)
	}
	if res, err := s.get("/-/export"); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("with the token: %v %v", res, err)
	}
	if res, err := http.Get(s.URL + "/-/export"); err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without it: %v %v", res, err)
	}
	s.kill()
	for _, x := range []struct {
		name, variable, value string
		flags                 []string
		want                  string
	}{
		{"another start", "BEACON_X", "", nil, made},
		{"--token-file", "BEACON_X", "", []string{"--token-file", file}, "token-of-the-file"},
		{"BEACON_TOKEN_FILE", "BEACON_TOKEN_FILE", file, nil, "token-of-the-file"},
		{"BEACON_TOKEN", "BEACON_TOKEN", "a/b+c=%#~-and-more", []string{"--token-file", file}, "a/b+c=%25%23~-and-more"},
	} {
		t.Setenv(x.variable, x.value)
		s, page := p.loginPage(x.flags...)
		if page != s.URL+"/-/login#"+x.want {
			t.Errorf("%s: the page is %s, want the token %s", x.name, page, x.want)
		}
		s.kill()
		os.Unsetenv(x.variable)
	}
	if p.token() != made {
		t.Error("the token in the data folder was replaced")
	}
}

func TestServe_ATokenThatCantBe_IsSaidWithWhatToDo(t *testing.T) {
	p := newPlace(t)
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		t.Fatal(err)
	}
	serve := func(env string, flags ...string) (string, int) {
		cmd := p.command("command", append([]string{"serve", "--listen", "127.0.0.1:0", "--data", p.data}, flags...)...)
		cmd.Env = append(cmd.Env, env)
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	empty := filepath.Join(p.data, tokenFile)
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		env    string
		flags  []string
		status int
		says   string
	}{
		{"BEACON_TOKEN=", nil, 2, "BEACON_TOKEN is empty"},
		{"BEACON_X=", []string{"--token", "secret"}, 2, "ps: set BEACON_TOKEN"},
		{"BEACON_X=", []string{"--token=secret"}, 2, "ps: set BEACON_TOKEN"},
		{"BEACON_X=", []string{"--token-file", empty}, 1, "is empty: write the token there"},
		{"BEACON_X=", []string{"--token-file", "none"}, 1, "none"},
		{"BEACON_X=", nil, 1, "hint: delete the file"},
	} {
		if out, status := serve(x.env, x.flags...); status != x.status || !strings.Contains(out, x.says) || strings.Contains(out, "secret") {
			t.Errorf("%s serve %q: status %d: %s, want %d and %q", x.env, x.flags, status, out, x.status, x.says)
		}
	}
}

// TestServe_TwoFirstStartsAtOnce_TheTokenIsThatOfTheOneThatRuns starts two collectors for one folder.
func TestServe_TwoFirstStartsAtOnce_TheTokenIsThatOfTheOneThatRuns(t *testing.T) {
	for range 5 {
		p := newPlace(t)
		pages := make(chan string)
		for range 2 {
			cmd := p.command("command", "serve", "--listen", "127.0.0.1:0", "--data", p.data)
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			go func() {
				for lines := bufio.NewScanner(out); lines.Scan(); {
					if strings.HasPrefix(lines.Text(), "  page  ") {
						pages <- lines.Text()
						return
					}
				}
			}()
		}
		if page := <-pages; !strings.HasSuffix(page, "#"+p.token()) {
			t.Errorf("the page is %s, and the file has %s", page, p.token())
		}
	}
}

// TestClient_TheTokenFileIsAnothers_TheErrorSaysSo runs the command without the right to read any file.
func TestClient_TheTokenFileIsAnothers_TheErrorSaysSo(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	file := filepath.Join(p.data, tokenFile)
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	cmd := p.command("command", "query", "--server", s.URL, "select 1")
	if os.Geteuid() == 0 { // root may read all files, unless it gives this right up
		setpriv, err := exec.LookPath("setpriv")
		proctest.Needs(t, "setpriv", err == nil)
		cmd.Args = append([]string{setpriv, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = setpriv
	}
	out, _ := cmd.CombinedOutput()
	for _, says := range []string{fmt.Sprintf("there is none: %s is another user's", file), "hint: set BEACON_TOKEN", "--token-file"} {
		if !strings.Contains(string(out), says) {
			t.Errorf("%q is not in: %s", says, out)
		}
	}
	if err := s.cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the collector ended: %v", err)
	}
}
