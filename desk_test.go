package beacon_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// A desk is a server that keeps the beacons it gets.
type desk struct {
	*httptest.Server
	mu    sync.Mutex
	taken map[string][]string // bodies by Idempotency-Key
}

func newDesk(t *testing.T, listener net.Listener, answer http.HandlerFunc) *desk {
	t.Helper()
	d := &desk{taken: map[string][]string{}}
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if answer != nil {
			answer(w, r)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		key := r.Header.Get("Idempotency-Key")
		d.taken[key] = append(d.taken[key], string(body))
		w.WriteHeader(http.StatusNoContent)
	}))
	if listener != nil {
		d.Listener.Close()
		d.Listener = listener
	}
	d.Start()
	t.Cleanup(d.Close)
	return d
}

func (d *desk) wait(t *testing.T, n int) {
	t.Helper()
	proctest.Eventually(t, func() error { return d.has(n) })
}

// has returns an error if fewer than n beacons have arrived.
func (d *desk) has(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if have := len(d.taken); have < n {
		return fmt.Errorf("%d of %d beacons arrived", have, n)
	}
	return nil
}

// open returns a sender, with an outbox of its own if the config has none. This process delivers.
func open(t testing.TB, c beacon.Config) *beacon.Sender {
	t.Helper()
	if c.Dir == "" {
		c.Dir = proctest.OutboxDir(t)
	}
	s, err := beacon.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// listen listens on an address that was in use before.
func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
