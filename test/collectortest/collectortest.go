// Package collectortest runs `beacon serve` for tests and queries its table.
package collectortest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// Patience is the limit for events that must arrive. On an idle machine they take less than a second.
const Patience = 20 * time.Second

// A Collector is a running `beacon serve`.
type Collector struct {
	URL    string       // without a slash at the end
	Client *http.Client // for queries; at first the default client
	data   string       // the data folder
	cmd    *exec.Cmd
}

// Stop kills the collector.
func (c *Collector) Stop(t testing.TB) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.cmd.Wait()
}

// Build builds the command for the test of a package that is two folders below the repository's root, with the race
// detector if the test has it. It returns the command's path.
func Build(t testing.TB) string {
	t.Helper()
	const command = "../../cmd/beacon"
	// The go command caches a test's result until a file changes that the test itself has read. Its build's files are
	// not among them, so the test reads their folders.
	folders := Run(t, "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}", command)
	for folder := range strings.FieldsSeq(folders) {
		if _, err := os.ReadDir(folder); err != nil {
			t.Fatal(err)
		}
	}
	info, _ := debug.ReadBuildInfo()
	race := slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
	dir := t.TempDir()
	Run(t, "go", "build", fmt.Sprintf("-race=%t", race), "-o", dir, command)
	return filepath.Join(dir, "beacon")
}

// Run runs a program and returns its output.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, args[0], err, out, &errs)
	}
	return string(out)
}

// Serve starts a collector with some flags. It ends with the test.
func Serve(t testing.TB, command string, flags ...string) *Collector {
	t.Helper()
	data := t.TempDir()
	cmd := exec.Command(command, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data}, flags...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("beacon serve: %v", err)
	}
	_, url, ok := strings.Cut(line, " at ")
	if !ok {
		t.Fatalf("beacon serve prints %q, want its URL", line)
	}
	return &Collector{strings.TrimSuffix(strings.TrimSpace(url), "/"), http.DefaultClient, data, cmd}
}

// Token returns the operators' token.
func (c *Collector) Token(t testing.TB) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(c.data, "operator-token"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

// Query returns the rows of a query whose columns are all text.
func (c *Collector) Query(t testing.TB, sql string) (rows [][]string) {
	t.Helper()
	req, err := http.NewRequest("GET", c.URL+"/-/query?sql="+url.QueryEscape(sql), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token(t))
	res, err := c.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := json.NewDecoder(res.Body)
	var columns []string
	if err := lines.Decode(&columns); err != nil {
		t.Fatalf("%s: %s: %v", sql, res.Status, err)
	}
	for {
		var line json.RawMessage
		if err := lines.Decode(&line); err != nil {
			t.Fatalf("%s: the answer ended early: %v", sql, err)
		}
		if line[0] != '[' {
			return rows // the last line says how many there were
		}
		var row []string
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s: %s: %v", sql, line, err)
		}
		rows = append(rows, row)
	}
}

// Await queries until there are at least n rows, for at most limit, and returns the last answer.
func (c *Collector) Await(t testing.TB, n int, limit time.Duration, sql string) (rows [][]string) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		if rows = c.Query(t, sql); len(rows) >= n || time.Now().After(deadline) {
			return rows
		}
	}
}

// Proxy starts a reverse proxy in front of a server and returns its URL. It ends with the test. see is called with each
// request and its whole body, from many goroutines at a time. A request is passed on if see returns true, and else
// answered with 200.
func Proxy(t testing.TB, server string, see func(r *http.Request, body []byte) bool) (address string) {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has ended the request
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if see(r, body) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}
