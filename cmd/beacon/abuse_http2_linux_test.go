package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
)

// An http2Client writes frames and reads none.
type http2Client struct {
	*http2.Framer
	net.Conn
	stream uint32
}

func newHTTP2Client(conn net.Conn, settings ...http2.Setting) *http2Client {
	io.WriteString(conn, http2.ClientPreface)
	c := &http2Client{http2.NewFramer(conn, nil), conn, 1}
	c.WriteSettings(settings...)
	return c
}

// ask begins a request. The rest of a header that is not whole never comes. Errors are ignored, as the
// server may have closed the connection.
func (c *http2Client) ask(method, path string, whole, body bool, fields ...hpack.HeaderField) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range append([]hpack.HeaderField{{Name: ":method", Value: method}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "x"}, {Name: ":path", Value: path}}, fields...) {
		f.Sensitive = true // has it written as it is
		e.WriteField(f)
	}
	first := block.Next(16 << 10)
	c.WriteHeaders(http2.HeadersFrameParam{StreamID: c.stream, BlockFragment: first, EndHeaders: whole && block.Len() == 0, EndStream: !body})
	for block.Len() > 0 {
		c.WriteContinuation(c.stream, whole && block.Len() <= 16<<10, block.Next(16<<10))
	}
	c.stream += 2
}

// attackers is how many connections an attack has. The race detector makes each ten times as slow, and
// memory is not measured then.
func attackers() int {
	if raceDetector {
		return 100
	}
	return 1000
}

func TestServe_HTTP2StreamsWithoutTheirBodies_ServesOthers(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		for range attackers() {
			c := newHTTP2Client(a.dial())
			for range 100 {
				c.ask("POST", "/stream", true, true)
			}
		}
		a.goOn(10)
	})
}

func TestServe_HTTP2UnfinishedBodies_ServesOthers(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		part := make([]byte, 12_000)
		for range attackers() {
			c := newHTTP2Client(a.dial())
			for range 16 {
				c.ask("POST", "/stream", true, true, hpack.HeaderField{Name: "x-large", Value: strings.Repeat("a", 4000)})
				c.WriteData(c.stream-2, false, part)
			}
		}
		a.goOn(10)
	})
}

func TestServe_HTTP2RapidReset_ServesOthers(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		var attack sync.WaitGroup
		for range 50 {
			c := newHTTP2Client(a.dial())
			go io.Copy(io.Discard, c.Conn)
			attack.Go(func() {
				for range 5 * attackers() {
					c.ask("POST", "/reset", true, false)
					if c.WriteRSTStream(c.stream-2, http2.ErrCodeCancel) != nil {
						return
					}
				}
			})
		}
		a.goOn(50)
		attack.Wait()
		a.goOn(10)
	})
}

// The client asks for answers to PING and SETTINGS, and reads none.
func TestServe_HTTP2FloodOfPings_ServesOthers(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		var attack sync.WaitGroup
		for range 50 {
			c := newHTTP2Client(a.dial())
			c.SetDeadline(time.Now().Add(3 * time.Second))
			attack.Go(func() {
				for c.WritePing(false, [8]byte{}) == nil && c.WriteSettings() == nil {
				}
			})
		}
		a.goOn(50)
		attack.Wait()
		a.goOn(10)
	})
}

func TestServe_HTTP2UnfinishedHeaders_ServesOthers(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		for range attackers() {
			c := newHTTP2Client(a.dial())
			c.ask("POST", "/stream", true, true)
			c.ask("POST", "/stream", false, true, hpack.HeaderField{Name: "x-large", Value: strings.Repeat("a", 31_000)})
		}
		a.goOn(10)
	})
}

func TestServe_HTTP2UnreadPages_ServesOthers(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		for range 1000 {
			newHTTP2Client(a.dial(), http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}).ask("GET", "/", true, false)
		}
		a.goOn(10)
	})
}

// There are more connections than there is room for.
func TestServe_IdleHTTPSConnections_StaysWithinMemory(t *testing.T) {
	cert, key, roots := certtest.Write(t, t.TempDir(), 1)
	for protocol, n := range map[string]int{"http/1.1": 8000, "h2": 8000} {
		t.Run(protocol, func(t *testing.T) {
			s := newPlace(t).serve("127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
			config := &tls.Config{RootCAs: roots, NextProtos: []string{protocol}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
			for range n {
				conn, err := tls.Dial("tcp", strings.TrimPrefix(s.URL, "https://"), config)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				if protocol == "h2" {
					newHTTP2Client(conn).ask("POST", "/idle", true, false)
				} else {
					fmt.Fprintf(conn, "POST /idle HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
				}
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: 20 * time.Second}
			res, err := client.Post(s.URL+"/honest", "text/plain", strings.NewReader("a"))
			if err != nil || res.StatusCode != 204 {
				t.Error(res, err)
			}
			peak := memoryOf(s.cmd.Process.Pid, "VmHWM") >> 20
			t.Logf("%d MiB at the peak", peak)
			if peak > 512 && !raceDetector {
				t.Errorf("%d MiB at the peak, over the default of --memory", peak)
			}
		})
	}
}
