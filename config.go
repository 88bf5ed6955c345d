package beacon

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/datadir"
)

// Config says where and how beacons are kept. The zero Config is the default.
type Config struct {
	// Outbox is the directory in which beacons wait. It must be the user's own, and
	// is made, mode 0700, if it isn't there. A relative path starts at the directory in
	// which the process was started. Default: the environment's
	// BEACON_OUTBOX, else the folder beacon/outbox in the user's data directory, which
	// all programs of the user share.
	Outbox string
	// Capacity bounds the outbox, in bytes on disk. Default: 16 MiB.
	Capacity int64
	// MaxAge is how long a beacon is good. Default: 24 hours.
	MaxAge time.Duration
	// Durability says what a beacon survives once it is queued.
	Durability Durability
	// InProcess has a goroutine of this process deliver, even after Start.
	InProcess bool
	// TLS has the roots and client certificates to deliver with. As keys can't be
	// handed to another process, it makes delivery InProcess, and the default Outbox
	// one of its own, outbox-tls: who delivers an outbox delivers all of it in one way,
	// so one that is named must not be shared with programs without these.
	TLS *tls.Config
	// Patience is how long a detached deliverer goes on of which no server takes or refuses
	// anything, before it leaves the rest to the next run. Default: 10 minutes.
	Patience time.Duration
	// HonorDoNotTrack heeds the environment's DO_NOT_TRACK=1: beacons are not queued,
	// and those of earlier runs that were to honor it are purged.
	HonorDoNotTrack bool
	// Logger hears of what goes wrong. Default: nobody does.
	Logger *slog.Logger
}

// Durability is what a queued beacon survives.
type Durability int

const (
	Process Durability = iota // the death of the process
	Power                     // also that of the machine, at the price of an fsync
)

// startedIn is what relative paths are relative to, wherever the process goes.
var startedIn, _ = os.Getwd()

var silent = slog.New(slog.DiscardHandler)

var processConfig atomic.Pointer[Config]

func setConfig(c Config) { processConfig.Store(&c) }

// orDefault is the config with every default filled in; c may be nil.
func (c *Config) orDefault() Config {
	if c == nil {
		c = processConfig.Load()
	}
	var full Config
	if c != nil {
		full = *c
	}
	if full.Outbox == "" {
		full.Outbox = DefaultOutbox()
		if full.TLS != nil {
			full.Outbox += "-tls"
		}
	}
	if !filepath.IsAbs(full.Outbox) {
		full.Outbox = filepath.Join(startedIn, full.Outbox)
	}
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

// DefaultOutbox is the directory of a Config that names none.
func DefaultOutbox() string {
	if dir := os.Getenv("BEACON_OUTBOX"); dir != "" {
		return dir
	}
	return datadir.Join("outbox")
}
