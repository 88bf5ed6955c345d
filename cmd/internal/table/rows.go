package table

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// rowsOf returns the rows of an item of the inbox. There is at least one.
func rowsOf(it spool.Item) []row.Row {
	if it.Damage != nil {
		return []row.Row{damagedRow(it)}
	}
	return row.Rows(&it.Record)
}

// damagedIDs is the name space for the ids of records that have lost their own.
var damagedIDs = uuid.MustParse("5a0f6d0c-6f0e-5d0c-9d59-0a3f4a6f1f0b")

// damagedRow returns the row of a damaged record: the fields that can still be read, and all its
// bytes as the body.
func damagedRow(it spool.Item) row.Row {
	r := row.Of(&it.Record)
	r.Kind, r.Body, r.Data = row.Binary, it.Raw, nil
	r.Error = strings.ToValidUTF8("damaged on disk: "+it.Damage.Error(), "\uFFFD")
	if it.Record.Request.Target == "" {
		r.Stream, r.Query = row.Target(it.Record.Target)
	}
	if it.Record.ID == uuid.Nil {
		// A record that is read again gets the same id, so that it is the same row.
		r.ID = uuid.NewSHA1(damagedIDs, fmt.Appendf(nil, "%s %d", it.At.Segment, it.At.Offset))
	}
	if it.Record.Date.IsZero() {
		r.ReceivedAt = spool.Began(it.At.Segment)
	}
	return r
}
