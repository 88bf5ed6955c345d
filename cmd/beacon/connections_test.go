//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/plainhttp"
)

func TestOneAddressHasSoManyConnections(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0", "--address-connections", "3")
	open := func(from string) net.Conn {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn
	}
	answer := func(conn net.Conn) string {
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
		line, _ := bufio.NewReader(conn).ReadString('\n')
		return line
	}
	first := open("127.0.0.2")
	for _, conn := range []net.Conn{first, open("127.0.0.2"), open("127.0.0.2")} {
		if line := answer(conn); !strings.Contains(line, "204") {
			t.Fatalf("%q", line)
		}
	}
	if line := answer(open("127.0.0.2")); line != "" {
		t.Errorf("a fourth: %q", line)
	}
	if line := answer(open("127.0.0.3")); !strings.Contains(line, "204") {
		t.Errorf("another address: %q", line)
	}
	first.Close()
	eventually(t, "one that is closed makes room", func() bool { return strings.Contains(answer(open("127.0.0.2")), "204") })
}

// from is a connection of which only the other end's address counts.
type from struct {
	net.Conn
	address string
}

func (c from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.address), Port: 4711} }

func TestOneAddressOfIPv6IsItsNetwork(t *testing.T) {
	conns := newConnections(1, nil)
	for _, x := range []struct {
		address string
		room    bool
	}{
		{"2001:db8:0:1::1", true}, {"2001:db8:0:1:ffff::2", false}, {"2001:db8:0:2::1", true},
		{"203.0.113.1", true}, {"203.0.113.2", true}, {"203.0.113.2", false},
	} {
		if c := conns.add(from{address: x.address}, takenByPlain); (c != nil) != x.room {
			t.Errorf("%s has room: %v", x.address, c != nil)
		}
	}
}

// Whoever waits longest goes when there are too many, and no one who is being served.
func TestTheOldestThatWaitMakeRoom(t *testing.T) {
	t.Run("net/http", func(t *testing.T) {
		oldestMakeRoom(t, func(s *http.Server, l net.Listener) func() error {
			go s.Serve(l)
			return s.Close
		})
	})
	t.Run("plainhttp", func(t *testing.T) {
		oldestMakeRoom(t, func(s *http.Server, l net.Listener) func() error {
			plain := &plainhttp.Server{Server: s}
			go plain.Serve(l)
			return plain.Close
		})
	})
}

func oldestMakeRoom(t *testing.T, serve func(*http.Server, net.Listener) (end func() error)) {
	conns := newConnections(0, nil)
	conns.most = 7
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	held := make(chan struct{}, 1)
	page := unattended(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			page.ServeHTTP(w, r)
			return
		}
		if r.URL.EscapedPath() == "/-/import" {
			held <- struct{}{}
		}
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/hold" {
			held <- struct{}{}
			<-hold
		}
		w.WriteHeader(204)
	})}
	conns.watch(server)
	end := serve(server, conns.listen(inner, takenByPlain))
	defer end()
	open := func() net.Conn {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn
	}
	ask := func(conn net.Conn, path string) {
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", path)
	}
	status := func(conn net.Conn) string { line, _ := bufio.NewReader(conn).ReadString('\n'); return line }

	served := open() // the oldest of all, but at work
	ask(served, "/hold")
	<-held
	silent := open()
	half := open()
	fmt.Fprintf(half, "POST / HT")
	slow := open()
	fmt.Fprintf(slow, "POST /%%2D/import HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na") // is a beacon
	imports := open()
	fmt.Fprintf(imports, "POST /-/import HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
	<-held
	unread := open()
	fmt.Fprintf(unread, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	idle := open()
	ask(idle, "/")
	if line := status(idle); !strings.Contains(line, "204") {
		t.Fatalf("%q", line)
	}
	for i := range 10 {
		conn := open()
		ask(conn, "/")
		if line := status(conn); !strings.Contains(line, "204") {
			t.Errorf("number %d: %q", i, line)
		}
	}
	for name, conn := range map[string]net.Conn{"silent": silent, "half a header": half, "half a body": slow, "a page that isn't read": unread, "idle": idle} {
		rest, err := io.ReadAll(conn) // until it is closed
		rest = rest[:min(len(rest), 100)]
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %q %v", name, rest, err)
		}
	}
	fmt.Fprint(imports, "b")
	if line := status(imports); !strings.Contains(line, "204") {
		t.Errorf("an operator's body: %q", line)
	}
	close(hold)
	if line := status(served); !strings.Contains(line, "204") {
		t.Errorf("the one that was served: %q", line)
	}
	end()
	eventually(t, "none is counted", func() bool {
		conns.mu.Lock()
		defer conns.mu.Unlock()
		return conns.open == 0 && conns.taken == 0 && conns.leaving == 0 && conns.waiting.Len() == 0
	})
}

func TestWhoIdlesIsEnded(t *testing.T) {
	conns := newConnections(0, nil)
	closed := make(chan string, 3)
	add := func(name string) *connection {
		c := conns.add(from{address: "203.0.113.1"}, takenByPlain)
		c.Conn = closer{c.Conn, func() { closed <- name }}
		return c
	}
	add("uploading").bodies.Add(1)
	add("idle")
	busy := add("busy")
	for range idleTurns {
		conns.nextTurn()
	}
	busy.handled(1)
	busy.handled(-1)
	conns.nextTurn()
	if name := <-closed; name != "idle" {
		t.Errorf("the %s one is ended first", name)
	}
	for range lastTurns {
		conns.nextTurn()
	}
	if name := <-closed; name != "uploading" {
		t.Errorf("the %s one is ended second", name)
	}
	for range idleTurns - lastTurns - 1 {
		conns.nextTurn()
	}
	if busy.gone {
		t.Error("the busy one is ended early")
	}
	conns.nextTurn()
	<-closed
}

type closer struct {
	net.Conn
	closed func()
}

func (c closer) Close() error { c.closed(); return nil }
