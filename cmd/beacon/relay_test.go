//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// An exchange is a request of a browser and the status of its answer.
type exchange struct {
	method, host, path string
	attack             string // the parameter of the URL, see testdata/hostile.html
	site               string // Sec-Fetch-Site
	cookie             bool   // the request has a cookie
	status             int
}

// A relay passes connections to a collector byte by byte, as ssh -L does, and reads their exchanges.
type relay struct {
	port      string
	exchanges chan exchange // those with the parameter attack
}

// newRelay starts a relay that listens on address and ends with the test.
func newRelay(t *testing.T, address string, to *server) *relay {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	r := &relay{port, make(chan exchange, 1000)}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(to.URL, "http://"))
			if err != nil {
				client.Close()
				continue
			}
			asked, answered := r.copy(server, client), r.copy(client, server)
			go r.read(asked, answered)
		}
	}()
	return r
}

// copy passes on the bytes of one direction, and returns them too.
func (r *relay) copy(to, from net.Conn) *bufio.Reader {
	read, write := io.Pipe()
	go func() {
		io.Copy(to, io.TeeReader(from, write))
		to.Close()
		write.Close()
	}()
	return bufio.NewReader(read)
}

// read reads the exchanges of a connection.
func (r *relay) read(asked, answered *bufio.Reader) {
	defer func() {
		go io.Copy(io.Discard, asked)
		io.Copy(io.Discard, answered)
	}()
	for {
		req, err := http.ReadRequest(asked)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		res, err := http.ReadResponse(answered, req)
		if err != nil {
			return
		}
		if attack := req.URL.Query().Get("attack"); attack != "" {
			r.exchanges <- exchange{req.Method, req.Host, req.URL.Path, attack, req.Header.Get("Sec-Fetch-Site"), len(req.Cookies()) > 0, res.StatusCode}
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return
		}
	}
}

// await returns the exchanges of some attacks, once each has one.
func (r *relay) await(t *testing.T, attacks []string) (found []exchange) {
	t.Helper()
	end := time.After(patience)
	for missing := slices.Clone(attacks); len(missing) > 0; {
		select {
		case e := <-r.exchanges:
			missing = slices.DeleteFunc(missing, func(attack string) bool { return attack == e.attack })
			if slices.Contains(attacks, e.attack) {
				found = append(found, e)
			}
		case <-end:
			t.Errorf("the browser did not send these requests within %v: %q", patience, missing)
			return found
		}
	}
	return found
}
