package clickhousetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// An Engine is ClickHouse's engine with an HTTP front, in a process that ends with its test. Its methods are for one
// goroutine.
type Engine struct {
	Address string // host:port of a proxy in front of it, which Intercept has fail

	own      string // host:port of the engine
	fail     atomic.Pointer[InterceptFunc]
	t        testing.TB
	python   string
	dir      string
	password string
	cmd      *exec.Cmd
	log      *proctest.Buffer
}

// Start starts an engine without databases, and returns when it takes requests. With a password it refuses requests
// that lack it. On a machine that can't get the engine, the test is skipped, or fails if the environment has CI=true.
func Start(t testing.TB, password string) *Engine {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{own: l.Addr().String(), t: t, python: install(t), dir: t.TempDir(), password: password, log: &proctest.Buffer{}}
	l.Close()
	if err := os.WriteFile(filepath.Join(e.dir, "front.py"), front, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Kill()
		if t.Failed() {
			t.Logf("log of the engine:\n%s", e.log)
		}
	})
	e.Restart()
	e.startProxy()
	return e
}

// Kill ends the engine with SIGKILL.
func (e *Engine) Kill() {
	if e.cmd != nil {
		e.cmd.Process.Kill()
		e.cmd.Wait()
		e.cmd = nil
	}
}

// Restart starts an engine again that was killed, at the same address and with its data.
func (e *Engine) Restart() {
	e.t.Helper()
	_, port, _ := net.SplitHostPort(e.own)
	cmd := exec.Command(e.python, filepath.Join(e.dir, "front.py"), port, e.dir, e.password)
	cmd.Stderr = e.log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		e.t.Fatal(err)
	}
	e.cmd = cmd
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		e.t.Fatalf("the engine does not start: %v %s\n%s", err, line, e.log)
	}
}

// client fails where the engine does not answer in a minute.
var client = &http.Client{Timeout: time.Minute}

// Query asks the engine without the proxy, and returns the fields of each line of a query's answer. The query has no FORMAT.
func (e *Engine) Query(query string) (rows [][]string) {
	e.t.Helper()
	rows, err := e.Try(query)
	if err != nil {
		e.t.Fatal(err)
	}
	return rows
}

// Try is Query for a query that may fail.
func (e *Engine) Try(query string) (rows [][]string, err error) {
	if strings.HasPrefix(strings.ToUpper(query), "SELECT") {
		query += " FORMAT TabSeparated"
	}
	req, err := http.NewRequest("POST", "http://"+e.own+"/", strings.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-ClickHouse-Key", e.password)
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", query, text)
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows, nil
}

// Number returns the first value of a query's answer, which is a whole number.
func (e *Engine) Number(query string) int {
	e.t.Helper()
	rows := e.Query(query)
	if len(rows) == 0 {
		e.t.Fatalf("%s: no rows", query)
	}
	n, err := strconv.Atoi(rows[0][0])
	if err != nil {
		e.t.Fatalf("%s: %v", query, err)
	}
	return n
}
