package table

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// rowsOf returns the rows of what stands at one place of the inbox, of which there is at least one.
func rowsOf(it spool.Item) []row.Row {
	if it.Damage != nil {
		return []row.Row{damagedRow(it)}
	}
	return row.Rows(&it.Record)
}

// damagedIDs is the name space for the ids of records that have lost their own.
var damagedIDs = uuid.MustParse("5a0f6d0c-6f0e-5d0c-9d59-0a3f4a6f1f0b")

// damagedRow is the row of bytes that are not a record any more: the fields that can still be
// read, with the bytes as the body.
func damagedRow(it spool.Item) row.Row {
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
	if it.Record.Date.IsZero() { // nothing better is known
		r.ReceivedAt = spool.Began(it.At.Segment)
	}
	return r
}

// holdable takes data away that the engine refuses to read as JSON, and says so in the row's error.
func holdable(r *row.Row) {
	if r.Data != nil && halfSurrogate(r.Data) {
		r.Data = nil
		if r.Error == "" {
			r.Error = "the JSON has half of a surrogate pair in it, which can't be stored as JSON"
		}
	}
}
