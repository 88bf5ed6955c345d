package row

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// dateLayouts are the three formats of RFC 9110, section 5.6.7. Senders write the first.
var dateLayouts = [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC}

// sentAt returns when the sender made the beacon: the time in the UUIDv7 of its Idempotency-Key, else
// its Date, else zero. An id that the collector made has the time of receipt, so it is not used.
func sentAt(r *warc.Record) time.Time {
	key := strings.Trim(r.Request.Header.Get("Idempotency-Key"), " \t")
	date := r.Request.Header.Get("Date")
	if key == "" && date == "" {
		return time.Time{}
	}
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	if id, err := uuid.Parse(key); err == nil && id == r.ID && id.Version() == 7 {
		ms := binary.BigEndian.Uint64(id[:8]) >> 16 // RFC 9562, section 5.7
		if t := time.UnixMilli(int64(ms)).UTC(); t.Year() <= 9999 {
			return t
		}
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, date); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
