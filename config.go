package beacon

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/datadir"
)

// Config sets where and how beacons are kept and delivered. The zero Config is the default.
type Config struct {
	// Outbox is the directory in which beacons wait. It must be the user's own, and is made, mode 0700, if it
	// is missing. ~ is the user's home. A relative path starts at the directory in which the process was
	// started. Default: [OutboxDir], which all programs of the user share. With BEACON_OUTBOX=off in the
	// environment nothing is sent, and with BEACON_OUTBOX=log beacons are printed to standard error instead,
	// whatever this is.
	Outbox string
	// Capacity is the most bytes of the outbox on disk. Default: 16 MiB.
	Capacity int64
	// MaxAge is the time after which a beacon expires. Default: 24 hours.
	MaxAge time.Duration
	// Durability is what a queued beacon survives. Default: [Process].
	Durability Durability
	// InProcess has a goroutine of this process deliver, even after Start.
	InProcess bool
	// TLS has the roots and client certificates to deliver with. Keys can't be passed to another process, so
	// it makes delivery InProcess, and the default Outbox is another one, outbox-tls. All beacons of an
	// outbox are delivered with the same TLS: do not share an Outbox that you name with programs without it.
	TLS *tls.Config
	// Patience is how long a detached deliverer continues while no server takes or refuses a beacon. Then it
	// leaves the rest to the next run. Default: 10 minutes.
	Patience time.Duration
	// HonorDoNotTrack means that with DO_NOT_TRACK=1 in the environment beacons are not queued, and those of
	// earlier runs with HonorDoNotTrack are deleted.
	HonorDoNotTrack bool
	// ReportLoss adds a header such as "Beacon-Lost: expired=3, dropped=1" to the next beacon to an origin, with
	// how many beacons for it were given up since the last report. It counts those of all programs with
	// ReportLoss that share the outbox, except beacons of pages. If the answer to a report is lost, or the
	// deliverer is killed, the numbers are reported again.
	ReportLoss bool
	// Logger logs failures: beacons that are not queued, and deliveries from the outbox that fail, those of
	// other programs included. A detached deliverer's come up to a second later, and only while this program
	// has beacons that wait. Its handler must not call Flush.
	// Default: they are not logged.
	Logger *slog.Logger

	failed error // why Outbox is ""
}

// Durability is what a queued beacon survives.
type Durability int

const (
	Process Durability = iota // the death of the process
	Power                     // also a power cut, which costs an fsync
)

// startedIn is the directory in which the process was started.
var startedIn, _ = os.Getwd()

var silent = slog.New(slog.DiscardHandler)

var processConfig atomic.Pointer[Config]

func setConfig(c Config) { processConfig.Store(&c) }

// orDefault returns the config with all defaults. c may be nil. If BEACON_OUTBOX can't be used, Outbox is
// "" and failed is the reason.
func (c *Config) orDefault() Config {
	if c == nil {
		c = processConfig.Load()
	}
	var full Config
	if c != nil {
		full = *c
	}
	full.Outbox = datadir.Expand(full.Outbox)
	if full.Outbox == "~" || strings.HasPrefix(full.Outbox, "~/") {
		full.failed = fmt.Errorf("the outbox %s can't be used: this user has no home", full.Outbox)
		full.Outbox = ""
		return full.rest()
	}
	if full.Outbox == "" {
		if full.Outbox, full.failed = OutboxDir(); full.failed != nil {
			return full.rest()
		}
		if full.TLS != nil {
			full.Outbox += "-tls"
		}
	}
	if !filepath.IsAbs(full.Outbox) {
		full.Outbox = filepath.Join(startedIn, full.Outbox)
	}
	return full.rest()
}

// rest fills in the other defaults.
func (full Config) rest() Config {
	if full.Capacity <= 0 {
		full.Capacity = 16 << 20
	}
	if full.MaxAge <= 0 {
		full.MaxAge = 24 * time.Hour
	}
	if full.Patience <= 0 {
		full.Patience = 10 * time.Minute
	}
	if full.TLS != nil {
		full.InProcess = true
	}
	if full.Logger == nil {
		full.Logger = silent
	}
	return full
}
