//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// damagedIDs is the name space for the ids of what has lost its own.
var damagedIDs = uuid.MustParse("5a0f6d0c-6f0e-5d0c-9d59-0a3f4a6f1f0b")

// damaged is what stands in an inbox in place of a record: as much of the record as can
// be known, with the bytes as the body.
func damaged(it spool.Item) row.Row {
	r := row.Of(&it.Record)
	r.Kind, r.Body, r.Data = row.Binary, it.Raw, nil
	r.Error = strings.ToValidUTF8("damaged on disk: "+it.Damage.Error(), "\uFFFD")
	if it.Record.Request.Target == "" {
		r.Stream, r.Query = row.Target(it.Record.Target)
	}
	if it.Record.ID == uuid.Nil {
		// The same bytes at the same place are the same row, should they be read again.
		r.ID = uuid.NewSHA1(damagedIDs, fmt.Appendf(nil, "%s %d", it.At.Segment, it.At.Offset))
	}
	if it.Record.Date.IsZero() { // all that is known of it
		r.ReceivedAt = spool.Began(it.At.Segment)
	}
	return r
}
