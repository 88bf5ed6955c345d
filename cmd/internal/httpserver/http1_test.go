package httpserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHTTP1_BytesOneByOne_AreAnswered(t *testing.T) {
	ours, _, _ := start(t, echo)
	conn, err := net.Dial("unix", ours)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(conn)
	for _, raw := range []string{same[0], same[6], "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"} {
		for i := range raw {
			io.WriteString(conn, raw[i:i+1])
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%q: %v %v", raw, res, err)
		}
		io.Copy(io.Discard, res.Body)
	}
}

// pipes is a listener whose connections are in memory, so that a bubble's clock is theirs.
type pipes struct {
	conns chan net.Conn
	net.Listener
}

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { return nil }

func TestHTTP1_SlowClients_AreClosedInTime(t *testing.T) {
	for name, x := range map[string]struct {
		raw  string
		ends time.Duration
	}{
		"silent":         {"", 10 * time.Second},
		"half a header":  {"POST / HTTP/1.1\r\nHos", 10 * time.Second},
		"half a body":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", 30 * time.Second},
		"idle":           {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 120 * time.Second},
		"idle, and more": {same[5] + same[5], 120 * time.Second},
		"half a second":  {same[0] + "POST", 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := pipes{conns: make(chan net.Conn)}
			s := New(Options{Handler: echo})
			go s.Serve(l)
			defer s.Close()
			defer close(l.conns)
			client, server := net.Pipe()
			l.conns <- server
			began := time.Now()
			io.WriteString(client, x.raw)
			io.ReadAll(client) // until it is closed
			if took := time.Since(began); took < x.ends || took > x.ends+3*time.Second {
				t.Errorf("%s: it is closed after %v, not %v", name, took, x.ends)
			}
		})
	}
}

type writerFunc func(string)

func (f writerFunc) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

func TestHTTP1_HandlerPanics_ClosesTheConnectionOnly(t *testing.T) {
	logged := make(chan string, 1)
	ours, _, s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("at the disco")
		}
		w.WriteHeader(204)
	}))
	s.log = slog.New(slog.NewTextHandler(writerFunc(func(line string) { logged <- line }), nil))
	if got := exchange(t, ours, "POST /panic HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); got != "" {
		t.Errorf("%q", got)
	}
	if got := exchange(t, ours, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); !strings.HasPrefix(got, "204") {
		t.Errorf("%q", got)
	}
	if line := <-logged; !strings.Contains(line, "at the disco") || !strings.Contains(line, "http1_test.go") {
		t.Errorf("the log is %q", line)
	}
}

func TestHTTP1_BodyNotRead_IsNotTheNextRequest(t *testing.T) {
	ours, reference, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body.Read(make([]byte, 1))
		fmt.Fprint(w, r.URL.Path)
	}))
	raw := "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("POST /evil HTTP/1.1\r\nHost: x\r\n\r\n", 1000)[:9000] +
		"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	got, want := exchange(t, ours, raw), exchange(t, reference, raw)
	if got != want || strings.Count(got, "200 OK") != 2 {
		t.Errorf("%s\nand by net/http\n%s", got, want)
	}
}

func TestHTTP1_LastAnswer_ComesBeforeTheBody(t *testing.T) {
	ours, reference, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(413)
	}))
	for name, address := range map[string]string{"ours": ours, "net/http": reference} {
		conn, err := net.Dial("unix", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123")
		if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 413 || !res.Close {
			t.Errorf("%s: %v %v", name, res, err)
		}
	}
}

func TestHTTP1_ContextAndEarlyHints_AreAsInNetHTTP(t *testing.T) {
	ours, reference, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); !ok {
			t.Error("the context lacks the local address")
		}
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(204)
	}))
	for name, address := range map[string]string{"ours": ours, "net/http": reference} {
		if all := exchange(t, address, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); !strings.Contains(all, "204") {
			t.Errorf("%s: %s", name, all)
		}
	}
}

// A client that pipelines requests and reads no answer must not hold its connection for longer than a
// write may take.
func TestHTTP1_AnswersUnread_ConnectionIsEvicted(t *testing.T) {
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })}, func(t *testing.T, s *Server, l *pipeListener) {
		c := l.dial()
		defer c.Close()
		go io.WriteString(c, strings.Repeat("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 1000))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		s.tracker.mu.Lock()
		for conn := range s.tracker.conns {
			if conn.serves() {
				t.Error("after 3 s it counts as served, so it can't make room for others")
			}
		}
		s.tracker.mu.Unlock()
		time.Sleep(writeSeconds * time.Second)
		synctest.Wait()
		s.tracker.mu.Lock()
		defer s.tracker.mu.Unlock()
		if n := len(s.tracker.conns); n > 0 {
			t.Errorf("after %d s %d connections are open, want 0", writeSeconds+3, n)
		}
	})
}

// The answers of the admin endpoints can be long, and end with the client.
func TestHTTP1_AdminRequest_AnswerIsStreamedAndCancelled(t *testing.T) {
	canceled := make(chan error, 1)
	ours, _, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "first line\n")
		http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			canceled <- nil
		case <-time.After(10 * time.Second):
			canceled <- errors.New("the context is not canceled")
		}
	}))
	conn, err := net.Dial("unix", ours)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "POST /-/query HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Errorf("no answer while the handler runs: %v", err)
	}
	conn.Close()
	if err := <-canceled; err != nil {
		t.Error(err)
	}
}
