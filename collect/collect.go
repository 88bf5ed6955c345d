// Package collect is the web server's end of the Beacon API: an http.Handler that keeps
// every beacon that is posted to it, or asked for as a picture, and answers only when the
// beacon is on disk.
package collect

import (
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-d051cf5a/beacon/internal/impatient"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Operators is the path below which nothing is a beacon.
const Operators = "/-/"

// MostBody is the most bytes that Options.MaxBody can be.
const MostBody = 16 << 20

// Options: the zero Options is the default.
type Options struct {
	// MaxBody is the most bytes a beacon's body may have, up to MostBody. Default: 1 MiB.
	MaxBody int64
	// Token is what operators' requests must carry, as "Authorization: Bearer …" or in
	// the query as token. Default: none, and only requests from this machine to this
	// machine are let in.
	Token string
	// Batch says whether beacons of a stream, a URL path as it was sent, may be batches: a
	// JSON array, or lines of JSON, is a row for each member then. It is called from many
	// goroutines at a time. Default: a beacon is one row.
	Batch func(stream string) bool
	// Answer200 says whether beacons of a stream are answered 200 and "1" instead of 204: there
	// are trackers that take nothing else for success, and send again. It is called as Batch is.
	// Default: none are.
	Answer200 func(stream string) bool
	// Origin says whether pages of an origin, as the header Origin has it, may send here; the
	// others are answered 403. [Origins] makes one of patterns. It is called from many
	// goroutines at a time. Default: all may. A program, which has no origin, always may.
	Origin func(origin string) bool
	// Proxies are the addresses of the reverse proxies that are trusted to say, in
	// X-Forwarded-For or Forwarded, who is behind them. Default: nobody is.
	Proxies []netip.Prefix
	// Address says what is kept of the address that a beacon came from. Default:
	// [AddressTruncated].
	Address Address
	// OptOut says what becomes of a beacon whose sender asks not to be tracked, with Sec-GPC: 1
	// or DNT: 1. Default: [OptOutKeep].
	OptOut OptOut
	// AddressRate and OriginRate are how many beacons a second, on average, one address (of
	// IPv6, one /64) and one origin may send; ten seconds' worth may come at once. More is
	// answered 429. Default, 0: as many as they like.
	AddressRate, OriginRate float64
	// Metrics is told what is counted, by names that begin with beacon_. Default: nobody is.
	Metrics prometheus.Registerer
	// Logger hears of what goes wrong. Default: nobody does.
	Logger *slog.Logger
}

// A Collector keeps beacons in an inbox, a directory of WARC files, and shows the newest.
// Its methods are safe for concurrent use.
//
// It bounds the size of what it reads; the time is for the http.Server around it to
// bound, with ReadHeaderTimeout and ReadTimeout.
type Collector struct {
	options Options
	inbox   *spool.Inbox
	keep    func(record []byte) error
	recent  *recent
	mux     *http.ServeMux

	metrics    *metrics
	preflights preflights
	addresses  rates[netip.Prefix]
	origins    rates[string]
	salt       salt
	memory     memory
	health     health
	importing  chan struct{} // has room for so many
}

// Open opens the collector whose inbox is the folder inbox of dir, and makes it if it
// isn't there. One process at a time can have it open.
func Open(dir string, options Options) (*Collector, error) {
	options = options.orDefault()
	inbox, err := spool.OpenInbox(filepath.Join(dir, "inbox"))
	if err != nil {
		return nil, err
	}
	c := newCollector(options, inbox.Append)
	c.inbox = inbox
	inbox.OnSync = func(d time.Duration) { c.metrics.fsync.Observe(d.Seconds()) }
	if c.recent, err = newRecent(inbox, options.Logger); err != nil {
		inbox.Close()
		return nil, err
	}
	c.mux.Handle("GET "+Operators+"tail", c.Operator(http.HandlerFunc(c.tail)))
	c.mux.Handle("GET "+Operators+"export", c.Operator(http.HandlerFunc(c.export)))
	c.mux.Handle("GET "+Operators+"healthz", c.Watcher(http.HandlerFunc(c.healthz)))
	c.mux.Handle("GET "+Operators+"readyz", c.Watcher(http.HandlerFunc(c.readyz)))
	c.mux.Handle("POST "+Operators+"import", c.Operator(http.HandlerFunc(c.importWARC)))
	return c, nil
}

// Handler is the HTTP of a Collector without its inbox: keep is given every beacon as a
// WARC record, whose bytes are its own only until it returns, from many goroutines at a
// time. The beacon's answer waits for it: 204, or 503 if keep returns an error. Below
// [Operators] there is nothing.
func Handler(keep func(record []byte) error, options Options) http.Handler {
	return newCollector(options.orDefault(), keep)
}

func newCollector(options Options, keep func(record []byte) error) *Collector {
	c := &Collector{options: options, keep: keep, mux: http.NewServeMux(), importing: make(chan struct{}, imports)}
	c.metrics = newMetrics(options.Metrics, &c.preflights)
	return c
}

func (o Options) orDefault() Options {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	o.MaxBody = min(o.MaxBody, MostBody)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Inbox is what the sinks of this module follow.
func (c *Collector) Inbox() *spool.Inbox { return c.inbox }

// Close ends the live views and the inbox. The server must have been shut down before: a
// beacon that is posted later is answered 503.
func (c *Collector) Close() error {
	c.Drain()
	return c.inbox.Close()
}

func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.EscapedPath(), Operators):
		c.mux.ServeHTTP(w, r)
	case r.Method == http.MethodPost, isPixel(r):
		c.beacon(w, r)
	case r.Method == http.MethodOptions:
		c.preflight(w, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		c.checkOrigin(w, r) // so that a script sees the status
		http.Error(w, "Nothing to see here: a beacon is a POST to this path, or a GET of a path that ends in .gif.", http.StatusNotFound)
	default:
		c.checkOrigin(w, r)
		w.Header().Set("Allow", "POST, OPTIONS")
		http.Error(w, "A beacon is a POST to this path.", http.StatusMethodNotAllowed)
	}
}

// export sends what the inbox holds, as WARC.
func (c *Collector) export(w http.ResponseWriter, _ *http.Request) {
	inbox, err := c.inbox.Snapshot()
	if err != nil {
		c.options.Logger.Error("the inbox can't be exported", "error", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer inbox.Close()
	w.Header().Set("Content-Type", "application/warc")
	w.Header().Set("Content-Length", strconv.FormatInt(inbox.Size, 10))
	if _, err := io.Copy(impatient.NewWriter(w), inbox); err != nil {
		// The client misses what the length promised.
		c.options.Logger.Warn("export ended early", "error", err)
	}
}
