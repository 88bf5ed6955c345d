//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-d051cf5a/beacon/test/clickhousetest"
)

// A columnStore is an engine with the database db, behind a proxy that can fail.
type columnStore struct {
	*clickhousetest.Engine
	url    string // for --to
	failed atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

// newColumnStore starts an engine.
func newColumnStore(t testing.TB) *columnStore {
	t.Helper()
	s := &columnStore{Engine: clickhousetest.Start(t, "")}
	s.Query("CREATE DATABASE db")
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.Address})
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) { http.Error(w, err.Error(), http.StatusBadGateway) }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fail := s.failed.Load(); fail != nil && (*fail)(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	})}
	go front.Serve(l)
	t.Cleanup(func() { front.Close() })
	s.url = fmt.Sprintf("clickhouse://%s/db", l.Addr())
	return s
}

// fail has requests fail for which f returns true; f has answered them then. nil ends that.
func (s *columnStore) fail(f func(http.ResponseWriter, *http.Request) bool) {
	if f == nil {
		s.failed.Store(nil)
		return
	}
	s.failed.Store(&f)
}

// away answers no request.
func away(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }

// sinkOf starts beacon table --from --to.
func (p *place) sinkOf(log, to string, flags ...string) *server {
	p.t.Helper()
	s := &server{p: p, cmd: p.command("command", append([]string{"table", "--from", log, "--to", to, "--listen", "127.0.0.1:0"}, flags...)...)}
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
		p.t.Fatalf("table: %v", err)
	}
	s.URL = strings.TrimSuffix(strings.TrimSpace(line[strings.Index(line, "http"):]), "/")
	return s
}

// inView checks that each accepted beacon is one row of the view, and that none is two.
func (c *crowd) inView(t *testing.T, s *columnStore) {
	t.Helper()
	eventually(t, fmt.Sprintf("the view has %d beacons", len(c.accepted)), func() bool {
		rows, err := s.Try("SELECT uniqExact(JSONExtractInt(data, 'number')) FROM db.beacons")
		return err == nil && rows[0][0] != "0" && atLeast(rows[0][0], len(c.accepted))
	})
	found := map[int]bool{}
	for _, row := range s.Query("SELECT JSONExtractInt(data, 'number') AS number, count() FROM db.beacons GROUP BY number") {
		var number, n int
		fmt.Sscan(row[0], &number)
		fmt.Sscan(row[1], &n)
		if found[number] = true; n != 1 {
			t.Errorf("beacon %d has %d rows", number, n)
		}
	}
	missing := 0
	for number := range c.accepted {
		if !found[number] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d accepted beacons are not in the view", missing, len(c.accepted))
	}
}

func atLeast(text string, n int) bool {
	var have int
	fmt.Sscan(text, &have)
	return have >= n
}
