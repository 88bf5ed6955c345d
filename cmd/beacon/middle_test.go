//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// untilReleased is a server in front of the collector that answers nothing before release is called.
func untilReleased(t *testing.T, s *server) (url string, release func()) {
	t.Helper()
	released := make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	return inBetween(t, s, func() string {
		<-released
		return ""
	}), release
}

// inBetween is a server in front of the collector: it passes each request on, so that
// the collector stores it, and answers with what instead says: "" is the collector's own
// answer, "reset" resets the connection.
func inBetween(t *testing.T, s *server, instead func() string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go pass(conn.(*net.TCPConn), s, instead)
		}
	}()
	return "http://" + l.Addr().String()
}

func pass(conn *net.TCPConn, s *server, instead func() string) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			return
		}
		req.Header.Set("Connection", "close")
		req.Write(out)
		answer, _ := io.ReadAll(out)
		out.Close()
		switch text := instead(); text {
		case "":
			conn.Write(answer)
			return
		case "reset":
			conn.SetLinger(0)
			return
		default:
			io.WriteString(conn, text)
			if !strings.HasSuffix(text, "\r\n\r\n") || !strings.HasPrefix(text, "HTTP/") {
				return
			}
		}
	}
}
