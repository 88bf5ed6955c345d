// Package collect is the web server's end of the Beacon API: an http.Handler that keeps
// every beacon that is posted to it, or asked for as a picture, and answers only when the
// beacon is on disk.
package collect

import (
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Operators is the path below which nothing is a beacon.
const Operators = "/-/"

// Options: the zero Options is the default.
type Options struct {
	// MaxBody is the most bytes a beacon's body may have. Default: 1 MiB. More than
	// 32 MiB can't be kept.
	MaxBody int64
	// Token is what operators' requests must carry, as "Authorization: Bearer …" or in
	// the query as token. Default: none, and only requests from this machine to this
	// machine are let in.
	Token string
	// Batch says whether beacons of a stream, a URL path as it was sent, may be batches: a
	// JSON array, or lines of JSON, is a row for each member then. It is called from many
	// goroutines at a time. Default: a beacon is one row.
	Batch func(stream string) bool
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
}

// Open opens the collector whose inbox is the folder inbox of dir, and makes it if it
// isn't there. One process at a time can have it open.
func Open(dir string, options Options) (*Collector, error) {
	options = options.orDefault()
	inbox, err := spool.OpenInbox(filepath.Join(dir, "inbox"))
	if err != nil {
		return nil, err
	}
	c := &Collector{options: options, inbox: inbox, keep: inbox.Append, mux: http.NewServeMux()}
	if c.recent, err = newRecent(inbox, options.Logger); err != nil {
		inbox.Close()
		return nil, err
	}
	c.mux.Handle("GET "+Operators+"tail", c.Operator(http.HandlerFunc(c.tail)))
	c.mux.Handle("GET "+Operators+"export", c.Operator(http.HandlerFunc(c.export)))
	c.mux.Handle("POST "+Operators+"import", c.Operator(http.HandlerFunc(c.importWARC)))
	return c, nil
}

// Handler is the HTTP of a Collector without its inbox: keep is given every beacon as a
// WARC record, whose bytes are its own only until it returns, from many goroutines at a
// time. The beacon's answer waits for it: 204, or 503 if keep returns an error. Below
// [Operators] there is nothing.
func Handler(keep func(record []byte) error, options Options) http.Handler {
	return &Collector{options: options.orDefault(), keep: keep, mux: http.NewServeMux()}
}

func (o Options) orDefault() Options {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	o.MaxBody = min(o.MaxBody, 32<<20)
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
	close(c.recent.done)
	return c.inbox.Close()
}

func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.EscapedPath(), Operators):
		c.mux.ServeHTTP(w, r)
	case r.Method == http.MethodPost, isPixel(r):
		allowOrigin(w, r)
		c.accept(w, r)
	case r.Method == http.MethodOptions:
		preflight(w, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		http.Error(w, "Nothing to see here: a beacon is a POST to this path, or a GET of a path that ends in .gif.", http.StatusNotFound)
	default:
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
	if _, err := io.Copy(w, inbox); err != nil {
		// The client misses what the length promised.
		c.options.Logger.Warn("export ended early", "error", err)
	}
}
