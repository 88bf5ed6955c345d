package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
)

// A browserLike is a connection of HTTP/2 over TLS that posts a beacon now and then.
type browserLike struct {
	conn   *tls.Conn
	framer *http2.Framer
	stream uint32
}

func dialBrowserLike(address string, config *tls.Config) (*browserLike, error) {
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		return nil, err
	}
	c := &browserLike{conn: conn, framer: http2.NewFramer(conn, conn), stream: 1}
	c.framer.SetReuseFrames()
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		return nil, err
	}
	return c, c.framer.WriteSettings()
}

var postBlock = func() []byte {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "beacon.example"}, {Name: ":path", Value: "/honest"},
		{Name: "content-type", Value: "application/json"}, {Name: "origin", Value: "https://shop.example"}, {Name: "user-agent", Value: "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0"},
	} {
		f.Sensitive = true // no table, so that the block is the same each time
		e.WriteField(f)
	}
	return block.Bytes()
}()

// post posts a beacon and returns its status.
func (c *browserLike) post(body string) (status string, err error) {
	id := c.stream
	c.stream += 2
	c.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: postBlock, EndHeaders: true}); err != nil {
		return "", err
	}
	if err := c.framer.WriteData(id, true, []byte(body)); err != nil {
		return "", err
	}
	for {
		f, err := c.framer.ReadFrame()
		if err != nil {
			return "", err
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status"), nil
		case *http2.RSTStreamFrame:
			return "", fmt.Errorf("reset: %v", f.ErrCode)
		case *http2.GoAwayFrame:
			return "", errors.New("GOAWAY")
		}
	}
}

// honestSeconds is how long the clients below post: BEACON_HONEST_SECONDS, or 10.
func honestSeconds() time.Duration {
	n, err := strconv.Atoi(os.Getenv("BEACON_HONEST_SECONDS"))
	if err != nil || n <= 0 {
		n = 10
	}
	return time.Duration(n) * time.Second
}

// Each client posts a beacon every three seconds. Other connections, as many as there is room for and
// more, send one beacon and idle.
func TestServe_ManyHonestHTTP2Clients_AllAnsweredNoneEvicted(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's memory and CPU time would be measured")
	}
	for _, x := range []struct {
		memory       string
		honest, idle int
	}{
		{"512MiB", 5000, 0}, {"256MiB", 2000, 0}, {"256MiB", 1000, 3000},
	} {
		t.Run(fmt.Sprintf("%s/%d honest/%d idle", x.memory, x.honest, x.idle), func(t *testing.T) {
			cert, key, roots := certtest.Write(t, t.TempDir(), 1)
			s := newPlace(t).serve("127.0.0.1:0", "--memory", x.memory, "--tls-cert", cert, "--tls-key", key)
			address := strings.TrimPrefix(s.URL, "https://")
			config := &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
			const every = 3 * time.Second

			var mu sync.Mutex
			var took []time.Duration
			var clients sync.WaitGroup
			stop := make(chan struct{})
			begin := func(n int, honest bool) {
				dialers := make(chan struct{}, 16)
				var ready sync.WaitGroup
				for i := range n {
					dialers <- struct{}{}
					ready.Add(1)
					clients.Go(func() {
						c, err := dialBrowserLike(address, config)
						if err == nil {
							_, err = c.post(`{"first":true}`)
						}
						<-dialers
						ready.Done()
						if err != nil {
							if honest {
								t.Errorf("client %d: %v", i, err)
							}
							return
						}
						defer c.conn.Close()
						if !honest {
							<-stop
							return
						}
						for tick := time.NewTicker(every); ; {
							select {
							case <-stop:
								tick.Stop()
								return
							case <-tick.C:
							}
							began := time.Now()
							status, err := c.post(`{"name":"LCP","value":1234}`)
							if err != nil || status != "204" {
								t.Errorf("client %d: %q %v", i, status, err)
								return
							}
							mu.Lock()
							took = append(took, time.Since(began))
							mu.Unlock()
						}
					})
				}
				ready.Wait()
			}
			begin(x.honest, true)
			time.Sleep(2 * every) // so that each has posted twice
			begin(x.idle, false)
			time.Sleep(honestSeconds())
			evicted := s.metric(`beacon_connections_evicted_total{limit="memory"}`)
			close(stop)
			clients.Wait()

			if x.idle == 0 && evicted > 0 {
				t.Errorf("%v connections were evicted", evicted)
			}
			slices.Sort(took)
			peak := memoryOf(s.cmd.Process.Pid, "VmHWM") >> 20
			t.Logf("%d beacons, 99th percentile %v, %v connections evicted, %d MiB at the peak", len(took), took[len(took)*99/100].Round(time.Millisecond), evicted, peak)
			most, _ := strconv.Atoi(strings.TrimSuffix(x.memory, "MiB"))
			if int(peak) > most {
				t.Errorf("%d MiB at the peak, over %s", peak, x.memory)
			}
		})
	}
}
