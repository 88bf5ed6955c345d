package httpserver

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// onSchedule fails the test unless so much time has passed since began, give or take the ticks of the tracker.
func onSchedule(t *testing.T, began time.Time, want time.Duration) {
	t.Helper()
	if took := time.Since(began); took < want || took > want+3*time.Second {
		t.Errorf("it ended after %v, want %v", took, want)
	}
}

func TestHTTP2Time_ClientFallsSilent_ConnectionEnds(t *testing.T) {
	preface := string(appendSettings([]byte(http2.ClientPreface)))
	header := func(end http2.Flags) string {
		c := newFrameClient(t, nil)
		block := c.encode(":method", "POST", ":path", "/", ":scheme", "https", ":authority", "a")
		return string(append(appendFrame(nil, len(block), http2.FrameHeaders, end, 1), block...))
	}
	for _, x := range []struct {
		name string
		raw  string
		ends time.Duration
	}{
		{"after half a preface", http2.ClientPreface[:10], headerSeconds * time.Second},
		{"after the preface", preface, idleSeconds * time.Second},
		{"in a frame's header", preface + "\x00\x00", idleSeconds * time.Second},
		{"in a frame", preface + string(appendFrame(nil, 8, http2.FramePing, 0, 0)) + "half", headerSeconds * time.Second},
		{"after HEADERS without END_HEADERS", preface + header(http2.FlagHeadersEndStream), headerSeconds * time.Second},
		{"after CONTINUATION without END_HEADERS", preface + header(http2.FlagHeadersEndStream) + string(appendFrame(nil, 0, http2.FrameContinuation, 0, 1)), headerSeconds * time.Second},
		{"after a request", preface + header(http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders), idleSeconds * time.Second},
		{"after a request and a half", preface + header(http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders) + string(appendFrame(nil, 20, http2.FrameHeaders, 4, 3)), headerSeconds * time.Second},
	} {
		t.Run(x.name, func(t *testing.T) {
			inBubble(t, Options{Handler: seenHandler}, func(t *testing.T, s *Server, l *pipeListener) {
				conn := l.dial()
				defer conn.Close()
				began := time.Now()
				go io.WriteString(conn, x.raw)
				conn.SetReadDeadline(began.Add(time.Hour))
				if _, err := io.Copy(io.Discard, conn); err != nil {
					t.Error(err)
				}
				onSchedule(t, began, x.ends)
			})
		})
	}
}

func TestHTTP2Time_TLSClientFallsSilent_ConnectionEnds(t *testing.T) {
	for _, x := range []struct {
		name      string
		handshake bool
		raw       string
		ends      time.Duration
	}{
		{"before the handshake", false, "", headerSeconds * time.Second},
		{"in the handshake", false, "\x16\x03\x01\x02\x00\x01", headerSeconds * time.Second},
		{"after the handshake", true, "", headerSeconds * time.Second},
		{"after half a preface", true, "PRI * HTTP", headerSeconds * time.Second},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
				s := New(Options{Handler: seenHandler})
				defer s.Close()
				go s.ServeTLS(l, &tls.Config{Certificates: []tls.Certificate{certificateOfTests()}})
				conn := l.dial()
				defer conn.Close()
				began := time.Now()
				conn.SetReadDeadline(began.Add(time.Hour))
				if x.handshake {
					conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
				}
				go io.WriteString(conn, x.raw)
				if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
				}
				onSchedule(t, began, x.ends)
			})
		})
	}
}

// An idle connection is closed with a GOAWAY, so that a client sends its next request on another one.
func TestHTTP2Time_Idle_ClosesWithGoAway(t *testing.T) {
	inBubble(t, Options{Handler: seenHandler}, func(t *testing.T, s *Server, l *pipeListener) {
		c := l.frames(t)
		for range 3 { // frames that are not requests do not keep it open
			time.Sleep(30 * time.Second)
			c.ping()
		}
		began := time.Now()
		c.post(1, true)
		c.expectStatus(1, "200")
		if goaway, ok := c.ends(); !ok || goaway.code != http2.ErrCodeNo || goaway.number != 1 {
			t.Errorf("%v %v, want GOAWAY with NO_ERROR and stream 1", ok, goaway)
		}
		onSchedule(t, began, idleSeconds*time.Second)
	})
}

func TestHTTP2Time_SlowBody_FailsAloneAfter30Seconds(t *testing.T) {
	for _, size := range []int{1, longBody} { // before the handler starts, and after
		var read chan error
		inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				_, err := io.Copy(io.Discard, r.Body)
				read <- err
				w.WriteHeader(http.StatusRequestTimeout)
			}
		})}, func(t *testing.T, s *Server, l *pipeListener) {
			read = make(chan error, 1)
			c := l.frames(t)
			began := time.Now()
			c.request("POST", "/slow", 1, false)
			c.data(1, false, make([]byte, size))
			for i := range 5 {
				time.Sleep(5 * time.Second)
				c.data(1, false, []byte("x"))
				c.post(uint32(2*i+3), true)
				c.expectStatus(uint32(2*i+3), "200")
			}
			if err := <-read; err == nil {
				t.Error("the handler got no error")
			}
			onSchedule(t, began, bodySeconds*time.Second)
			c.expectStatus(1, "408")
			c.post(99, true)
			c.expectStatus(99, "200")
			synctest.Wait()
			if n := s.tracker.requests.Load(); n != 0 {
				t.Errorf("%d bytes of requests are held, want 0", n)
			}
		})
	}
}

// After the answer to an overdue body the client must learn that the rest is not wanted.
func TestHTTP2Time_SlowBody_IsResetAfterTheAnswer(t *testing.T) {
	inBubble(t, Options{Handler: seenHandler}, func(t *testing.T, s *Server, l *pipeListener) {
		c := l.frames(t)
		c.post(1, false)
		c.expectStatus(1, "200")
		if f := c.await(http2.FrameRSTStream, 1); f.code != http2.ErrCodeNo {
			t.Errorf("%v, want NO_ERROR", f)
		}
	})
}

func TestHTTP2Time_AttendedBody_HasNoLimit(t *testing.T) {
	inBubble(t, Options{Handler: seenHandler, Attended: func(r *http.Request) bool { return r.URL.Path == "/import" }}, func(t *testing.T, s *Server, l *pipeListener) {
		c := l.frames(t)
		c.request("POST", "/import", 1, false)
		for range 10 {
			time.Sleep(time.Minute)
			c.data(1, false, make([]byte, 1000))
		}
		c.data(1, true, nil)
		c.expectStatus(1, "200")
	})
}

// A handler may take as long as it likes.
func TestHTTP2Time_LongHandler_IsNotCutOff(t *testing.T) {
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { time.Sleep(time.Hour) })}, func(t *testing.T, s *Server, l *pipeListener) {
		c := l.frames(t)
		c.patience = 2 * time.Hour
		c.post(1, true)
		c.expectStatus(1, "200")
	})
}

func TestHTTP2Time_ClientReadsNothing_ConnectionEnds(t *testing.T) {
	var wrote chan error
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := w.Write(make([]byte, 10<<20))
		wrote <- err
	})}, func(t *testing.T, s *Server, l *pipeListener) {
		wrote = make(chan error, 1)
		conn := l.dial()
		defer conn.Close()
		c := newFrameClient(t, conn)
		began := time.Now()
		go io.CopyN(io.Discard, conn, 64<<10) // as the buffer of a socket
		io.WriteString(conn, http2.ClientPreface)
		c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		c.WriteWindowUpdate(0, 1<<30)
		c.request("GET", "/", 1, true)
		if err := <-wrote; err == nil {
			t.Error("10 MiB could be written to a client that reads nothing")
		}
		onSchedule(t, began, writeSeconds*time.Second)
	})
}

func TestHTTP2Time_NoWindow_StreamIsResetAndOthersGoOn(t *testing.T) {
	var wrote chan error
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			_, err := w.Write(make([]byte, 100000))
			wrote <- err
		}
	})}, func(t *testing.T, s *Server, l *pipeListener) {
		wrote = make(chan error, 1)
		c := l.frames(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		began := time.Now()
		c.request("GET", "/long", 1, true)
		if err := <-wrote; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write returned %v, want %v", err, os.ErrDeadlineExceeded)
		}
		onSchedule(t, began, writeSeconds*time.Second)
		if _, _, code := c.answer(1); code != http2.ErrCodeCancel {
			t.Errorf("reset with %v, want CANCEL", code)
		}
		c.post(3, true)
		c.expectStatus(3, "200")
	})
}

// The limit is for a client that reads nothing, not for the whole answer.
func TestHTTP2Time_SlowReader_GetsWholeAnswer(t *testing.T) {
	const size = 1 << 20
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, size)) })}, func(t *testing.T, s *Server, l *pipeListener) {
		c := l.frames(t)
		c.request("GET", "/", 1, true)
		c.await(http2.FrameHeaders, 1)
		began := time.Now()
		for got := 0; got < size; {
			f := c.await(http2.FrameData, 1)
			got += len(f.data)
			time.Sleep(10 * time.Second)
			c.WriteWindowUpdate(0, uint32(len(f.data)))
			c.WriteWindowUpdate(1, uint32(len(f.data)))
		}
		if took := time.Since(began); took < 5*time.Minute {
			t.Errorf("the answer took %v, which tests nothing", took)
		}
	})
}

func TestHTTP2Time_ReadDeadline_EndsARead(t *testing.T) {
	var read chan error
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(100 * time.Second))
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
		http.NewResponseController(w).SetReadDeadline(time.Time{})
		_, err = io.CopyN(io.Discard, r.Body, 5)
		read <- err
	})}, func(t *testing.T, s *Server, l *pipeListener) {
		read = make(chan error, 1)
		c := l.frames(t)
		began := time.Now()
		c.post(1, false)
		c.data(1, false, make([]byte, longBody))
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading ended with %v, want %v", err, os.ErrDeadlineExceeded)
		}
		onSchedule(t, began, 100*time.Second)
		time.Sleep(100 * time.Second)
		c.data(1, true, []byte("later"))
		if err := <-read; err != nil {
			t.Errorf("without a deadline: %v", err)
		}
		c.expectStatus(1, "200")
	})
}

func TestHTTP2Time_WriteDeadline_EndsAWrite(t *testing.T) {
	var wrote chan error
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(5 * time.Second))
		_, err := w.Write(make([]byte, 100000))
		wrote <- err
	})}, func(t *testing.T, s *Server, l *pipeListener) {
		wrote = make(chan error, 1)
		c := l.frames(t)
		began := time.Now()
		c.request("GET", "/", 1, true)
		if err := <-wrote; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write returned %v, want %v", err, os.ErrDeadlineExceeded)
		}
		onSchedule(t, began, 5*time.Second)
		if _, _, code := c.answer(1); code != http2.ErrCodeCancel {
			t.Errorf("reset with %v, want CANCEL", code)
		}
	})
}
