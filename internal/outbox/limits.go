package outbox

import "time"

// Limits of an outbox and of its beacons.
const (
	DefaultCapacity = 16 << 20 // bytes on disk
	DefaultMaxAge   = 24 * time.Hour
	MaxHeader       = 64 << 10 // bytes of a caller's header, or of a URL
)
