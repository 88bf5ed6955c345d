//go:build cgo && !linux

package query

// limitResources does nothing: macOS does not enforce RLIMIT_DATA, and Windows has no such limits.
func limitResources(memory int) error { return nil }
