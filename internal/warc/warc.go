// Package warc is the record: one HTTP request on disk, as a WARC 1.1 "request"
// record (ISO 28500). It is a codec only and opens no files.
//
// A record is written with two checksums: WARC-Block-Digest over the block (the
// HTTP request), as the standard has it, and Beacon-Head-Digest over the record's
// own header, because a flipped bit in the target URI would otherwise send a
// beacon to the wrong place.
package warc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// MaxHead and MaxBlock bound what Parse accepts: the bytes of a record's header
// and of its block. They are what keeps a damaged length from costing memory.
const (
	MaxHead  = 256 << 10
	MaxBlock = 64 << 20
)

// ErrShort means that the bytes end before the record does: its writer was killed, or has not finished yet.
var ErrShort = errors.New("record is cut short")

// A CorruptError means that the bytes are not a record, or not the one that was written.
type CorruptError struct {
	Reason string
	// Len is the length in bytes of the damaged record if its header can be trusted, or 0. Then the caller searches
	// for the next record.
	Len int
}

func (e *CorruptError) Error() string { return "corrupt record: " + e.Reason }

func corrupt(n int, format string, args ...any) error {
	return &CorruptError{Reason: fmt.Sprintf(format, args...), Len: n}
}

// A Field is one named value of a record's header or of an HTTP header. The name is spelled as it came.
type Field struct{ Name, Value string }

// Fields keeps the order in which they came; a name may occur more than once.
type Fields []Field

// Get returns the first value of a name, in any case, or "".
func (fs Fields) Get(name string) string {
	for _, f := range fs {
		if len(f.Name) == len(name) && (f.Name == name || strings.EqualFold(f.Name, name)) {
			return f.Value
		}
	}
	return ""
}

// Values returns the values of all fields with a name, in any case.
func (fs Fields) Values(name string) (values []string) {
	for _, f := range fs {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// Without returns the fields of other names.
func (fs Fields) Without(name string) Fields {
	return slices.DeleteFunc(slices.Clone(fs), func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

// A Record is one beacon.
type Record struct {
	ID      uuid.UUID // the beacon's id; a UUIDv7 where we made it
	Date    time.Time // when it was accepted; kept to the microsecond
	Target  string    // WARC-Target-URI, a string as the URL parser gave it
	IP      string    // WARC-IP-Address, "" in an outbox
	Extra   Fields    // the extension fields, all named Beacon-…
	Request Request
}

// A Request is the HTTP request that a record holds.
type Request struct {
	Method string
	Target string // the request-target: path and query, as sent
	Proto  string // "HTTP/1.1"
	Header Fields
	Body   []byte
}
