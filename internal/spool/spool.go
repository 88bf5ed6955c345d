// Package spool is the append-only log of WARC records that both ends keep their
// beacons in: an [Outbox] at the sender, an [Inbox] at the collector.
//
// A spool is a directory of segments. A segment has one writer, which holds the
// kernel's lock on it while it lives and appends each record with one write(2); so
// no writer waits for another, and a killed writer frees its segment.
package spool

import (
	"errors"
	"fmt"
	"strings"
)

// ErrFull means that an outbox or its disk has no room.
var ErrFull = errors.New("the outbox is full")

const (
	segmentExt = ".warc"
	ledgerExt  = ".done"
)

// isSegment reports whether a name without a path is that of a segment.
func isSegment(name string) bool {
	return strings.HasSuffix(name, segmentExt) && !strings.ContainsAny(name, `/\`)
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}
