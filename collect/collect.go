// Package collect is the server side of the Beacon API. Its http.Handler stores each beacon, which
// is a POST or a GET of a picture, and answers when the beacon is on disk.
package collect

import (
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/impatient"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// Operators is the path of the admin endpoints. A request below it is never a beacon.
const Operators = "/-/"

// How many requests of a kind run at a time.
const (
	mostTails   = 32
	mostExports = 4 // of the inbox
	mostImports = 2 // each can hold a record of 64 MiB in memory
)

// MostBody is the upper limit of Options.MaxBody, in bytes.
const MostBody = 16 << 20

// Options configure a Collector. The zero value is the default.
type Options struct {
	// MaxBody is the largest body of a beacon, in bytes, up to MostBody. Default: 1 MiB.
	MaxBody int64
	// Token is the secret of the operators. Requests to the admin endpoints need it, as
	// "Authorization: Bearer TOKEN" or by the cookie that a login sets. Default: no token; the
	// admin endpoints refuse all requests, except those for health from this machine.
	Token string
	// Batch reports whether the beacons of a stream, which is a URL path as it was sent, may
	// be batches: each member of a JSON array, or each line of JSON, becomes a row. Many
	// goroutines call it at a time. Default: a beacon is one row.
	Batch func(stream string) bool
	// Get reports whether each GET of a stream is a beacon, from programs too, and NoGet whether none is. Get takes
	// precedence. [Collector.IsPixel] has the rules for other streams. [Paths] returns such functions for patterns.
	// Many goroutines call them at a time.
	Get, NoGet func(stream string) bool
	// Answer returns the answer to the beacons of a stream, or false for the default: 204 for a POST, and a
	// picture for a GET. Some senders repeat a beacon, or stop, until they get the answer that they know. Many
	// goroutines call it at a time.
	Answer func(stream string) (Answer, bool)
	// Origin reports whether pages of an origin, written as in the header Origin, may send
	// here. Pages of other origins get 403. [Origins] returns such a function for patterns.
	// Many goroutines call it at a time. Default: all pages may send. A program sends no
	// Origin and is always accepted.
	Origin func(origin string) bool
	// Proxies are the addresses of trusted reverse proxies: their X-Forwarded-For or Forwarded
	// names the client. Default: no proxy is trusted.
	Proxies []netip.Prefix
	// Address is how much of the client IP is kept. Default: [AddressTruncated].
	Address Address
	// Visitors stores an id with each beacon that has an Origin, as those of pages have: a hash of client IP, user agent
	// and origin with a salt that changes daily (UTC). The salt of the day is on disk. AddressDropped turns this off.
	Visitors bool
	// Spread is whether other collectors get requests of the same clients, as from a load balancer that is not sticky. Then
	// a preflight here can have its POST there, so Stats.PreflightsOrphaned stays 0. Default: false.
	Spread bool
	// Salt returns random bytes, at least 16, for a day (UTC) counted since 1970, which several collectors share, so that
	// their ids of visitors and hashed addresses agree. If its second result is false, this collector uses bytes of its own on that
	// day. It is called once or twice a day, and must not block. Default: bytes of its own.
	Salt func(day int64) ([]byte, bool)
	// Country returns the country of a client IP as two letters (ISO 3166-1), or "" if it is unknown. It gets the whole
	// IP, whatever Address is, and only the country is stored. Imported records keep the country that they have. Many
	// goroutines call it at a time. Default: no country is stored, also of imported records.
	Country func(client netip.Addr) string
	// Bot returns the reason why a request is from a bot, such as [row.BotNetwork], or "". A reason is at most 32 letters
	// a to z and hyphens; other texts are not stored. The reason is stored with the beacon, so later changes of the rules
	// do not change it. Many goroutines call Bot at a time. Default: only the user agent counts, when the beacon is read.
	Bot func(BotInput) string
	// KeepHeader are the names of further headers that are stored, besides those that describe the beacon and
	// its page. [NeverStored] lists those that are left out.
	KeepHeader []string
	// Referrer is how much is stored of the page's URL in the headers Referer, Ping-From and Ping-To. Default:
	// [ReferrerPath].
	Referrer Referrer
	// OptOut is how a beacon with Sec-GPC: 1 or DNT: 1 is treated. Default: [OptOutKeep].
	OptOut OptOut
	// AddressRate and OriginRate are the average beacons a second that one address (IPv6: one
	// /64) and one origin may send. A burst may have ten seconds' worth. Beacons beyond it get
	// 429. Default: 0, unlimited.
	AddressRate, OriginRate float64
	// Logger logs failures. Default: they are not logged.
	Logger *slog.Logger
}

// A Collector stores beacons in an inbox, which is a directory of WARC files, and shows the
// newest ones. Its methods are safe for concurrent use.
//
// The Collector limits the size of requests. The http.Server around it limits their time, with
// ReadHeaderTimeout and ReadTimeout.
type Collector struct {
	options Options
	inbox   *spool.Inbox
	keep    func(record []byte) error
	recent  *recent
	mux     *http.ServeMux
	headers headerFilter

	unwanted func(*warc.Record) bool // of imported records; nil chooses none

	metrics    metrics
	preflights preflights
	addresses  rates[netip.Prefix]
	origins    rates[uint64] // by the origin's hash, as an origin can be long
	seed       maphash.Seed
	salt       salt  // of hashed addresses
	visitors   *salt // of the ids of visitors
	memory     memory
	health     health
	notices    notices
}

// Open opens the collector whose inbox is the folder inbox of dir, and creates the folder if it is
// missing. One process at a time can have it open.
func Open(dir string, options Options) (*Collector, error) {
	options = options.orDefault()
	inbox, err := spool.OpenInbox(filepath.Join(dir, "inbox"))
	if err != nil {
		return nil, err
	}
	c := newCollector(options, inbox.Append)
	c.inbox = inbox
	c.visitors = openVisitorSalt(dir, options.Salt, options.Logger)
	inbox.OnSync = c.metrics.fsync.observe
	if c.recent, err = newRecent(inbox, options.Logger); err != nil {
		inbox.Close()
		return nil, err
	}
	c.mux.Handle("GET "+Operators+"tail", c.Operator("tail", mostTails, http.HandlerFunc(c.tail)))
	c.mux.Handle("GET "+Operators+"export", c.Operator("export", mostExports, http.HandlerFunc(c.export)))
	c.mux.Handle("POST "+Operators+"import", c.Operator("import", mostImports, http.HandlerFunc(c.importWARC)))
	c.mux.Handle("GET "+Operators+"healthz", c.LocalOrOperator(http.HandlerFunc(c.healthz)))
	c.mux.Handle("GET "+Operators+"readyz", c.LocalOrOperator(http.HandlerFunc(c.readyz)))
	c.mux.HandleFunc("POST "+Operators+"login", c.login)
	c.mux.HandleFunc("POST "+Operators+"logout", c.logout)
	return c, nil
}

// Handler returns the HTTP handler of a Collector without an inbox. It calls keep with each beacon
// as a WARC record, from many goroutines at a time; keep must not use the bytes after it returns.
// The answer waits for keep: it is 204, or 503 if keep returns an error. Requests below [Operators]
// get 404.
func Handler(keep func(record []byte) error, options Options) http.Handler {
	return newCollector(options.orDefault(), keep)
}

func newCollector(options Options, keep func(record []byte) error) *Collector {
	c := &Collector{options: options, keep: keep, mux: http.NewServeMux(), headers: newHeaderFilter(options), seed: maphash.MakeSeed(), salt: salt{purpose: "address", shared: options.Salt}, visitors: &salt{purpose: "visitor", shared: options.Salt}}
	c.metrics.init()
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

// Inbox returns the inbox, for the table's writer.
func (c *Collector) Inbox() *spool.Inbox { return c.inbox }

// ErrLog means that beacons can't be stored because the log behind the collector does not take them. Senders get 503.
var ErrLog = errors.New("the log can't take it now")

// Keep has with decide how records are stored: with calls write, which writes them to the inbox and returns when they are on
// disk, and what with returns decides the answer to their sender. So with can refuse records before, with ErrLog, or wait
// after. It is called from many goroutines at a time. Keep is called before the first request.
func (c *Collector) Keep(with func(write func() error) error) {
	c.keep = func(records []byte) error {
		return with(func() error { return c.inbox.Append(records) })
	}
}

// SkipImports has unwanted choose imported records that are not stored, such as erased ones. unwanted is
// called from several goroutines at a time. SkipImports is called before the first request.
func (c *Collector) SkipImports(unwanted func(*warc.Record) bool) { c.unwanted = unwanted }

// ForgetRecent removes the newest beacons from the live view's memory, after an erasure: some of
// them may be erased.
func (c *Collector) ForgetRecent() { c.recent.clear() }

// Close ends the live views and closes the inbox. The caller shuts the server down before: a
// beacon that is posted later gets 503.
func (c *Collector) Close() error {
	c.Drain()
	return c.inbox.Close()
}

func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.EscapedPath(), Operators):
		adminHeaders(w) // for paths that the mux refuses
		c.mux.ServeHTTP(w, r)
	case r.Method == http.MethodPost, c.IsPixel(r):
		c.beacon(w, r)
	case r.Method == http.MethodOptions:
		c.preflight(w, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		c.get(w, r)
	default:
		c.checkOrigin(w, r)
		w.Header().Set("Allow", "POST, OPTIONS")
		http.Error(w, "A beacon is a POST to this path.", http.StatusMethodNotAllowed)
	}
}

// export sends the records of the inbox as WARC.
func (c *Collector) export(w http.ResponseWriter, _ *http.Request) {
	inbox, err := c.inbox.Snapshot()
	if err != nil {
		c.options.Logger.Error("inbox can't be exported", "error", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer inbox.Close()
	w.Header().Set("Content-Type", "application/warc")
	w.Header().Set("Content-Length", strconv.FormatInt(inbox.Size, 10))
	if _, err := io.Copy(impatient.NewWriter(w), inbox); err != nil {
		// Content-Length shows the client that bytes are missing.
		c.options.Logger.Warn("export ended early", "error", err)
	}
}
