// Package beacontest is a collector for other people's tests, in the way of
// net/http/httptest: on a loopback port, in memory, gone with the test.
//
//	func TestASaleIsReported(t *testing.T) {
//		c := beacontest.New(t)
//		shop := Shop{Events: c.URL + "/sales"}
//		shop.Sell("tea")
//		b := c.Wait(1)[0]
//		if b.Stream != "/sales" || string(b.Data) != `{"what":"tea"}` {
//			t.Errorf("got %v", b)
//		}
//	}
//
// It answers as the real collector does, by the real collector's code: 204 to a POST, and
// with the CORS headers that browsers need. A test sets other answers beforehand:
//
//	c.Answer(beacontest.Status(503), beacontest.RetryAfter(time.Second)) // to the next request
//	c.AnswerAll(beacontest.Delay(100 * time.Millisecond))                // to all others
//	c.AnswerAll(beacontest.OnStream("/audit"), beacontest.Hang())        // to those of one stream
//
// A beacon is kept when its answer is 2xx, and the same Idempotency-Key is one beacon,
// however often it comes. Nothing is on disk, and the live page and the admin endpoints are
// missing.
//
// A program that sends with this module gets an outbox of the test's own: in its Config.Dir, or
// by t.Setenv("BEACON_OUTBOX", t.TempDir()) before the first Send of the test binary. It need not
// call beacon.Start: without Start the test's process delivers. The test ends with Flush, because
// the sender uses the outbox until it has recorded the answer.
package beacontest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A Collector collects beacons for one test. Its methods are safe for concurrent use; those
// that wait can end the test, and are for the test's own goroutine, as t.Fatal is.
type Collector struct {
	// URL is where the collector is, as "http://127.0.0.1:1234". A path behind it is a
	// stream.
	URL string

	t      testing.TB
	server *httptest.Server
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex
	changed  chan struct{} // closed and renewed when something below has changed
	requests []*request    // in the order in which they came
	kept     []*request    // one for each id
	isKept   map[uuid.UUID]bool
	next     []answer // each for one request
	all      []answer // the last one that matches counts
	serving  int      // requests that are under way
}

// New starts a collector that speaks HTTP/1.1, and closes it at the end of the test.
func New(t testing.TB) *Collector {
	c := newCollector(t)
	c.server.Start()
	return c.started()
}

// NewTLS starts a collector that speaks HTTP/2, and HTTP/1.1, over TLS with httptest's
// certificate, and closes it at the end of the test. [Collector.TLS] has the roots that
// trust it, and so has the Transport of [Collector.Client], which can be a beacon.Config's Base.
func NewTLS(t testing.TB) *Collector {
	c := newCollector(t)
	c.server.EnableHTTP2 = true
	c.server.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	c.server.StartTLS()
	return c.started()
}

func newCollector(t testing.TB) *Collector {
	c := &Collector{t: t, closed: make(chan struct{}), changed: make(chan struct{}), isKept: map[uuid.UUID]bool{}}
	c.server = httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	return c
}

func (c *Collector) started() *Collector {
	c.URL = c.server.URL
	c.t.Cleanup(c.Close)
	return c
}

// Client returns a client that trusts the collector. Its idle connections are closed with
// it.
func (c *Collector) Client() *http.Client { return c.server.Client() }

// TLS returns a new config whose roots trust the collector, for clients of the test's own;
// nil if the collector is not of NewTLS.
func (c *Collector) TLS() *tls.Config {
	certificate := c.server.Certificate()
	if certificate == nil {
		return nil
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return &tls.Config{RootCAs: roots}
}

// grace is how long Close lets clients that are in the middle of a request go on.
const grace = time.Second

// Close ends the collector and returns when nothing of it runs any more. What hangs or is
// delayed ends without an answer; an answer that is being written is still written. A
// client that is in the middle of its request has a second to finish. The requests and beacons
// can still be read. The end of the test closes too, and a second Close does nothing.
func (c *Collector) Close() {
	c.once.Do(func() {
		close(c.closed)
		stuck := time.AfterFunc(grace, func() { c.server.Config.Close() })
		defer stuck.Stop()
		c.server.Close() // knows connections, but not the handlers of HTTP/2
		c.await(context.Background(), func() bool { return c.serving == 0 })
	})
}
