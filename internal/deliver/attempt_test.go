package deliver

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A server of HTTP/2 closes each connection at once, as a load balancer does that is being replaced. net/http
// tries again without end.
func TestAttempt_ServerClosesEveryConnection_FailsWithBackoff(t *testing.T) {
	cert, key, roots := certtest.Write(t, t.TempDir(), 1)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var connections atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go sayGoAway(c)
		}
	}()
	box, err := spool.OpenOutbox(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	r := post(t, box, "https://"+l.Addr().String()+"/", "x", warc.Field{Name: ProxyField, Value: "none"})
	lock, err := box.TryLock()
	if err != nil || lock == nil {
		t.Fatal("no lock", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	d := Deliverer{Fetch: fetch.NewClient(PerOrigin, &tls.Config{RootCAs: roots}).Do, Log: slog.New(slog.DiscardHandler)}
	attempts := 0
	d.OnAttempt = func() {
		if attempts++; attempts == 2 {
			cancel()
		}
	}
	if left, err := Drain(ctx, box, lock, d); !left || err != nil {
		t.Error(left, err)
	}
	// The last attempt may have been cancelled.
	if n := connections.Load(); attempts < 2 || n > 3*(connectionsMost+1) {
		t.Errorf("%d attempts with %d connections, want at most %d for each", attempts, n, connectionsMost+1)
	}
	if why := ReadWaits(box.Dir()).Of(&r).Error; !strings.Contains(why, "closes each new connection") {
		t.Errorf("reason: %q", why)
	}
}

// sayGoAway answers a client's preface with SETTINGS and GOAWAY.
func sayGoAway(c net.Conn) {
	defer c.Close()
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(c, preface); err != nil {
		return
	}
	c.Write([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"))
	io.Copy(io.Discard, c)
}
