//go:build !linux && !darwin && !freebsd && !windows

package spool

import "math"

// Not known here: the disk says itself when it is full.
func diskFree(string) (int64, error) { return math.MaxInt64, nil }
