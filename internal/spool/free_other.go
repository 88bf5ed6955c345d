//go:build !linux && !darwin && !freebsd && !windows

package spool

import "math"

// Free is not known here: the disk says itself when it is full.
func Free(string) (int64, error) { return math.MaxInt64, nil }
