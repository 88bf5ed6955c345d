package beacon

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

// A Config sets what a [Sender] does. The zero Config is the default. In a browser Dir, Capacity, MaxAge, Durable
// and ReportLoss have no effect, and HeaderFile and Base are a [*TypeError].
type Config struct {
	// Dir is the directory of the outbox, in which beacons wait. It must be the user's own, and is made, mode
	// 0700, if it is missing. ~ is the user's home. A relative path is below the working directory. Default:
	// [OutboxDir], which all programs of the user share. With BEACON_OUTBOX=off in the environment nothing is
	// sent, and with BEACON_OUTBOX=log beacons are printed to standard error instead, whatever Dir is.
	Dir string
	// Capacity is the maximum size of the outbox on disk, in bytes. Default: 16 MiB.
	Capacity int64
	// MaxBody is the maximum size of a beacon's body, in bytes, up to 1 MiB, or 64 KiB in a browser. Default: that.
	MaxBody int64
	// MaxAge is the time after which a beacon expires. Default: 24 hours.
	MaxAge time.Duration
	// Durable means that a beacon also survives a power cut once Send returns, at the cost of a shared fsync.
	Durable bool
	// Header, of at most 64 KiB, is sent with every beacon, except to another origin after a redirect. It is on disk
	// with the beacon. Host, Content-Type, Content-Length, Idempotency-Key and the connection's headers can't be set.
	Header http.Header
	// HeaderFile maps names of headers to absolute paths of files that have their values, and yields to a beacon's own
	// header. A file is read for each attempt, so a token can change, and its value is never in the outbox. If it can't
	// be read, the beacons wait. A detached deliverer retries for ten minutes, then the next one does.
	HeaderFile map[string]string
	// Base sends the requests, for client certificates or OAuth 2. It can't be passed to another process: beacons
	// are only delivered while a program with this Base and this Dir runs. With Base, Dir must be set, and no
	// Sender without Base may use that Dir.
	Base http.RoundTripper
	// HonorDoNotTrack means that with DO_NOT_TRACK=1 in the environment Send keeps nothing and returns
	// [ErrDoNotTrack], and that beacons of earlier runs with HonorDoNotTrack are deleted. In a browser,
	// navigator.doNotTrack or navigator.globalPrivacyControl counts instead of the environment.
	HonorDoNotTrack bool
	// Disabled is the program's own opt-out: Send keeps nothing and returns [ErrDisabled].
	Disabled bool
	// ReportLoss adds a header such as "Beacon-Lost: expired=3, dropped=1" to the next beacon to an origin: how many
	// beacons of the outbox's programs with ReportLoss were given up. A lost report is repeated with the same numbers.
	ReportLoss bool
	// Logger logs deliveries from the outbox that fail, those of other programs included. Failures in a detached
	// deliverer are logged up to a second late, and only while this program has beacons that wait. Its handler
	// must not call Flush. Default: they are not logged.
	Logger *slog.Logger
}

// check returns a TypeError if the config can't be used.
func (c *Config) check() error {
	header := c.Header
	if agent := header.Get("User-Agent"); agent != "" {
		if err := outbox.CheckUserAgent(agent); err != nil {
			return typeErrorf("%v", err)
		}
		header = header.Clone()
		header.Del("User-Agent")
	}
	if err := outbox.CheckHeader(header); err != nil {
		return typeErrorf("Config.Header: %v", err)
	}
	names := http.Header{}
	for name, path := range c.HeaderFile {
		if !filepath.IsAbs(path) {
			return typeErrorf("Config.HeaderFile[%q] is %q: write an absolute path, because another process reads the file", name, path)
		}
		if strings.ContainsAny(path, "\r\n\x00") || strings.TrimSpace(path) != path {
			return typeErrorf("Config.HeaderFile[%q] is %q: a path with a line end or NUL, or white space at its end, can't be used", name, path)
		}
		if names[http.CanonicalHeaderKey(name)] != nil {
			return typeErrorf("Config.HeaderFile has %s twice, in different cases", http.CanonicalHeaderKey(name))
		}
		names.Set(name, "")
	}
	if err := outbox.CheckHeader(names); err != nil {
		return typeErrorf("Config.HeaderFile: %v", err)
	}
	switch {
	case runtime.GOOS == "js" && (c.Base != nil || len(c.HeaderFile) > 0):
		return typeErrorf("Config.Base and Config.HeaderFile can't be used in a browser: use Config.Header")
	case c.Base != nil && c.Dir == "":
		return typeErrorf("Config.Base needs a Config.Dir of its own: the user's outbox is delivered by other processes, which lack it")
	case c.MaxBody > maxBody:
		return typeErrorf("Config.MaxBody is %d: it is at most %d", c.MaxBody, maxBody)
	}
	return nil
}
