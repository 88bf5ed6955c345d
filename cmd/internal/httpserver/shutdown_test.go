package httpserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestShutdown_RequestRunning_IsAnswered(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	ours, _, s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-finish
		w.WriteHeader(204)
	}))
	dial := func() net.Conn {
		conn, err := net.Dial("unix", ours)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn
	}
	silent, busy := dial(), dial()
	io.WriteString(busy, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(t.Context()) }()
	if b, err := io.ReadAll(silent); err != nil || len(b) > 0 {
		t.Errorf("%q %v", b, err)
	}
	select {
	case err := <-ended:
		t.Fatalf("Shutdown returned before the request was answered: %v", err)
	default:
	}
	close(finish)
	if got := answers(busy); !strings.HasPrefix(got, "204") || !strings.Contains(got, "close=true") {
		t.Errorf("%q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("unix", ours); err == nil {
		conn.Close()
		t.Error("the server still listens")
	}
}

func TestShutdown_NoTimeLeft_ReturnsAnError(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	defer close(finish)
	ours, _, s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-finish
	}))
	conn, err := net.Dial("unix", ours)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	<-begun
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(soon); err == nil {
		t.Error("no error")
	}
}
