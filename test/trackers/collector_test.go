package trackers

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
)

// A collector is a running `beacon serve`.
type collector struct {
	t      *testing.T
	URL    string
	data   string // the data folder
	client *http.Client
}

// build builds the command, with the race detector if the test has it, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	const command = "../../cmd/beacon"
	// The go command caches a test's result until a file changes that the test itself has read. Its build's files are
	// not among them, so the test reads their folders.
	folders := run(t, "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}", command)
	for folder := range strings.FieldsSeq(folders) {
		if _, err := os.ReadDir(folder); err != nil {
			t.Fatal(err)
		}
	}
	info, _ := debug.ReadBuildInfo()
	race := slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
	dir := t.TempDir()
	run(t, "go", "build", fmt.Sprintf("-race=%t", race), "-o", dir, command)
	return filepath.Join(dir, "beacon")
}

// serve starts a collector for a sender. It ends with the test.
func serve(t *testing.T, command string, s sender) *collector {
	t.Helper()
	data, client := t.TempDir(), http.DefaultClient
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data}, s.flags...)
	if s.secure {
		cert, key, roots := certtest.Write(t, t.TempDir(), 1)
		args = append(args, "--tls-cert", cert, "--tls-key", key)
		client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	}
	cmd := exec.Command(command, args...)
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
		t.Fatalf("serve: %v", err)
	}
	return &collector{t, strings.TrimSuffix(strings.TrimSpace(line[strings.Index(line, "http"):]), "/"), data, client}
}

// query returns the rows of a query whose columns are all text.
func (c *collector) query(sql string) (rows [][]string) {
	c.t.Helper()
	token, err := os.ReadFile(filepath.Join(c.data, "operator-token"))
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequest("GET", c.URL+"/-/query?sql="+url.QueryEscape(sql), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	res, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	lines := json.NewDecoder(res.Body)
	var columns []string
	if err := lines.Decode(&columns); err != nil {
		c.t.Fatalf("%s: %s: %v", sql, res.Status, err)
	}
	for {
		var line json.RawMessage
		if err := lines.Decode(&line); err != nil {
			c.t.Fatalf("%s: the answer ended early: %v", sql, err)
		}
		if line[0] != '[' {
			return rows // the last line says how many there were
		}
		var row []string
		if err := json.Unmarshal(line, &row); err != nil {
			c.t.Fatalf("%s: %s: %v", sql, line, err)
		}
		rows = append(rows, row)
	}
}

// count returns how many rows have a text in their data.
func (c *collector) count(text string) int {
	c.t.Helper()
	return len(c.query("select id::varchar from beacons where contains(data::varchar, '" + text + "')"))
}

// await waits until each of the texts is in the data of at least n rows.
func (c *collector) await(texts []string, n int) {
	c.t.Helper()
	for _, text := range texts {
		c.until(text, n, func() int { return c.count(text) })
	}
}

// awaitRows waits until there are at least n rows.
func (c *collector) awaitRows(n int) {
	c.t.Helper()
	c.until("anything", n, func() int { return len(c.query("select id::varchar from beacons")) })
}

// until waits until count returns at least n. If it does not, the test fails but goes on, to say which rows there are.
func (c *collector) until(what string, n int, count func() int) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		there := count()
		if there >= n {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("%s is in %d rows of %d after %v", what, there, n, patience)
			return
		}
	}
}
