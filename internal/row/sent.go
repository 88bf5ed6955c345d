package row

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// The three dates of RFC 9110, section 5.6.7, of which senders write the first.
var dateLayouts = [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC}

// sentAt says when the sender made the beacon: the time in its UUIDv7 if the sender
// chose the id, else its Date. An id that the collector chose says only when the
// beacon was received.
func sentAt(r *warc.Record) time.Time {
	key := strings.Trim(r.Request.Header.Get("Idempotency-Key"), " \t")
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	if id, err := uuid.Parse(key); err == nil && id == r.ID && id.Version() == 7 {
		ms := binary.BigEndian.Uint64(id[:8]) >> 16 // RFC 9562, section 5.7
		if t := time.UnixMilli(int64(ms)).UTC(); t.Year() <= 9999 {
			return t
		}
	}
	date := r.Request.Header.Get("Date")
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, date); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
