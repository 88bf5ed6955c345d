//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/convert"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// TestMain makes this binary the beacon command itself, as the tests run it, and the Go
// program that sends to it.
func TestMain(m *testing.M) {
	// A collector's query process gets no environment, so that its role is an argument.
	if len(os.Args) > 1 && (os.Args[1] == query.Role || os.Args[1] == convert.Role) {
		main()
	}
	switch os.Getenv("BEACON_TEST_AS") {
	case "command":
		main()
		return
	case "bare":
		serveBare(os.Args[3], os.Args[5])
	case "discard":
		serveDiscard(os.Args[3], os.Args[6:], func(io.Reader) error { return nil })
	case "sync":
		serveDiscard(os.Args[3], os.Args[6:], syncTo(os.Args[5]))
	case "program":
		program()
	case "run", "fill":
		os.Setenv("BEACON_DELIVERER_PATIENCE", "5s") // for the deliverers that this process starts
		if err := beacon.Start(beacon.Config{Capacity: 1 << 30, Logger: slog.New(plainLog{})}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		limit, _ := strconv.Atoi(os.Args[3])
		sendUntilKilled(os.Args[1], os.Args[2], limit)
	}
	os.Exit(m.Run())
}

// A place is a user's: an outbox, a collector's data, and the environment that says so.
type place struct {
	t      testing.TB
	outbox string
	data   string
}

func newPlace(t testing.TB) *place {
	t.Helper()
	// Not t.TempDir: a deliverer may still be at work in it when the test ends.
	dir, err := os.MkdirTemp("", "beacon-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &place{t: t, outbox: filepath.Join(dir, "outbox"), data: filepath.Join(dir, "data")}
}

// The race detector would have every process sleep for a second at its end.
const quickRaceExit = "GORACE=atexit_sleep_ms=0"

func (p *place) command(as string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "BEACON_TEST_AS="+as, "BEACON_OUTBOX="+p.outbox, "BEACON_DATA="+p.data, quickRaceExit)
	return cmd
}

// beacon runs the command and returns what it printed and its status.
func (p *place) beacon(args ...string) (stdout, stderr string, status int) {
	p.t.Helper()
	cmd := p.command("command", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// syncTo returns a function that appends a body to an inbox as it is, and returns when it is synced.
func syncTo(data string) func(io.Reader) error {
	inbox, err := spool.OpenInbox(data)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return func(r io.Reader) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return inbox.Append(body)
	}
}

// serveDiscard is a net/http server that answers 204 after keep, which may keep nothing, until SIGTERM. The
// flags may be --tls-cert FILE --tls-key FILE.
func serveDiscard(address string, flags []string, keep func(io.Reader) error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bare := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if keep(r.Body) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}), ErrorLog: log.New(io.Discard, "", 0)}
	scheme := "http"
	if len(flags) == 4 {
		scheme = "https"
		go bare.ServeTLS(l, flags[1], flags[3])
	} else {
		go bare.Serve(l)
	}
	fmt.Printf("Discarding at %s://%s/\n", scheme, l.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	os.Exit(0)
}

// serveBare is beacon serve without a table, until SIGTERM.
func serveBare(address, data string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	log := slog.New(slog.DiscardHandler)
	l, err := (&listening{address: address}).open(log)
	fail(err)
	c, err := collect.Open(data, collect.Options{Logger: log})
	fail(err)
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	uuid.EnableRandPool()
	debug.SetMemoryLimit(defaultMemory - outsideMemory)
	s := (&serving{memory: defaultMemory}).newServer(c, c.Imports)
	fmt.Printf("Beacon collects at http://%s/\n", l.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go s.Serve(l)
	<-ctx.Done()
	os.Exit(0)
}

// A server is a running `beacon serve`.
type server struct {
	p   *place
	cmd *exec.Cmd
	URL string
}

// serve starts a collector; listen is an address, with the port 0 for any.
func (p *place) serve(listen string, flags ...string) *server {
	p.t.Helper()
	return p.serveAs("command", listen, flags...)
}

// serveAs is serve by the test binary in another role.
func (p *place) serveAs(role, listen string, flags ...string) *server {
	p.t.Helper()
	return p.start(role, append([]string{"serve", "--listen", listen, "--data", p.data}, flags...)...)
}

// start starts a command that prints its URL in its first line.
func (p *place) start(role string, args ...string) *server {
	p.t.Helper()
	s := &server{p: p, cmd: p.command(role, args...)}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { s.kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s: %v", args[0], err)
	}
	s.URL = strings.TrimSuffix(strings.TrimSpace(line[strings.Index(line, "http"):]), "/")
	return s
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

func (s *server) stop() {
	s.p.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.p.t.Errorf("serve ended with %v", err)
	}
}

// token is the operators' token that the collector made in its data folder.
func (p *place) token() string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.data, tokenFile))
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// get requests an admin endpoint with the token of the data folder.
func (s *server) get(path string) (*http.Response, error) {
	s.p.t.Helper()
	req, err := http.NewRequest("GET", s.URL+path, nil)
	if err != nil {
		s.p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.p.token())
	return http.DefaultClient.Do(req)
}

// loginURL is the URL that logs a browser in.
func (s *server) loginURL() string { return s.URL + "/-/login#" + s.p.token() }

// query returns the rows of a query, an object each.
func (s *server) query(sql string) (rows []map[string]any) {
	s.p.t.Helper()
	out, errs, status := s.p.beacon("query", "--server", s.URL, "--format", "json", sql)
	if status != 0 {
		s.p.t.Fatalf("query %s: status %d: %s", sql, status, errs)
	}
	for line := range strings.Lines(out) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			s.p.t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// anyCertificate is a client that accepts each certificate.
var anyCertificate = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

// metric returns the value of one of the collector's metrics.
func (s *server) metric(name string) float64 {
	s.p.t.Helper()
	res, err := anyCertificate.Get(s.URL + "/-/metrics")
	if err != nil {
		s.p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				s.p.t.Fatal(err)
			}
			return v
		}
	}
	s.p.t.Fatalf("there is no metric %s", name)
	return 0
}

// waitRows queries until there are n rows.
func (s *server) waitRows(n int, sql string) []map[string]any {
	s.p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		rows := s.query(sql)
		if len(rows) >= n {
			return rows
		}
		if time.Now().After(deadline) {
			s.p.t.Fatalf("%d rows of %d after 30 s: %v", len(rows), n, rows)
		}
	}
}

// program is what a Go program does: it sends, and is gone.
func program() {
	url, end := os.Args[1], os.Args[2]
	if err := errors.Join(beacon.Start(), beacon.Send(url, beacon.JSON(map[string]string{"end": end}))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	if end == "kill" {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	os.Exit(0)
}

// eventually waits for up to a minute.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after a minute it does not hold that %s", what)
		}
	}
}
