package navigator

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

// A Config sets where the beacons of pages wait, and how their requests leave. The zero Config is the default.
type Config struct {
	// Dir is the directory of the outbox, as in beacon.Config. Default: that of the user.
	Dir string
	// Capacity is the most bytes of the outbox on disk. Default: 16 MiB.
	Capacity int64
	// MaxAge is the time after which a beacon expires. Default: 24 hours.
	MaxAge time.Duration
	// Durable means that a beacon also survives a power cut.
	Durable bool
	// TLS has the roots and the client certificates for all requests. Keys can't be passed to another process:
	// with TLS the beacons that this process leaves wait for the next one, and the default Dir is another one.
	TLS *tls.Config
	// HonorDoNotTrack means that with DO_NOT_TRACK=1 in the environment beacons are not queued.
	HonorDoNotTrack bool
	// Logger logs beacons that are not queued, with the reason, and deliveries that fail. Default: they are not
	// logged.
	Logger *slog.Logger
}

// connections is how many connections to one origin pages have, as in browsers.
const connections = 6

// An Agent is the user agent of navigators: the outbox of their pages' beacons, and the connections. It is safe
// for concurrent use.
type Agent struct {
	config Config
	dir    string
	failed error // why the outbox has no directory
	log    *slog.Logger
	client *fetch.Client

	targets outbox.Targets
	flights sync.Map // *flight by Idempotency-Key

	mu     sync.Mutex
	pages  *outbox.Pages // opened when it is needed
	closed bool
}

// NewAgent returns an agent. The beacons of pages that ended processes have left are delivered once it has
// queued one.
func NewAgent(c Config) *Agent {
	a := &Agent{config: c, log: c.Logger, client: fetch.NewClient(connections, c.TLS)}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.dir, a.failed = outbox.Dir(c.Dir)
	if c.Dir == "" && c.TLS != nil && a.failed == nil {
		a.dir += "-tls" // the user's is delivered without it
	}
	return a
}

// DefaultAgent returns the agent of navigators without one. It has the zero Config.
func DefaultAgent() *Agent { return defaultAgent() }

var defaultAgent = sync.OnceValue(func() *Agent { return NewAgent(Config{}) })

// open returns the outbox.
func (a *Agent) open() (*outbox.Pages, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, outbox.ErrClosed
	}
	if a.failed != nil || a.pages != nil {
		return a.pages, a.failed
	}
	var err error
	a.pages, err = outbox.OpenPages(outbox.Config{
		Dir: a.dir, Capacity: a.config.Capacity, Durable: a.config.Durable,
		Client: a.client, InProcess: a.config.TLS != nil, Logger: a.config.Logger,
	}, a.attempt, a.end)
	return a.pages, err
}

// Flush waits until every beacon that the agent's navigators have queued has an outcome. The error wraps ctx's;
// the beacons that still wait stay in the outbox.
func (a *Agent) Flush(ctx context.Context) error {
	a.mu.Lock()
	pages, closed := a.pages, a.closed
	a.mu.Unlock()
	switch {
	case closed:
		return outbox.ErrClosed
	case pages == nil:
		return nil
	}
	return pages.Flush(ctx)
}

// Close ends the delivery in this process and closes all files. Beacons that wait stay in the outbox.
func (a *Agent) Close() error {
	a.mu.Lock()
	pages := a.pages
	a.pages, a.closed = nil, true
	a.mu.Unlock()
	a.client.CloseIdleConnections()
	if pages == nil {
		return nil
	}
	err := pages.Close()
	a.flights.Range(func(id, _ any) bool {
		a.end(id.(string)) // its page's quota does not wait for the next agent
		return true
	})
	return err
}
