package beacontest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A Request is one request as it came, with what became of it. Its Header and its bytes are
// the collector's own, and not to be changed.
type Request struct {
	Method     string
	Proto      string      // "HTTP/1.1" or "HTTP/2.0"
	Stream     string      // the path of the URL, as sent
	Query      string      // what follows the '?' of the URL, as sent
	Header     http.Header // all of it; on disk the real collector keeps no Authorization and no Cookie
	Body       []byte
	ReceivedAt time.Time

	ContentType string // as sent
	Key         string // the Idempotency-Key without its quotes, or ""

	// Kind is how the body of a beacon was read: "text", "json", "form", "multipart",
	// "binary", or "ping" where there is neither a body nor a type. It is "" for what is
	// no beacon.
	Kind string
	// Data is what the column data of the real collector's table has: the body's text as
	// a JSON string, the JSON as it came, the fields of a form as an object, or nil.
	Data json.RawMessage
	// Error is why Data is missing or mended, or why the real collector refuses this.
	Error string

	Kept   bool // answered with 2xx, or by Keep
	Status int  // of the answer; 0 while there is none, and where none was given
}

// A Beacon is a request that was kept: of those with the same Idempotency-Key the first.
type Beacon struct {
	Request
	Times int // how often it came, and was kept or refused
}

// request is one of the collector's list.
type request struct {
	Request
	id uuid.UUID // as the real collector has it; the nil one where this is no beacon
}

// shownBody is how many bytes of a body are worth a line.
const shownBody = 80

// String is the request in a line, for messages of tests.
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Method, r.Stream)
	if r.Query != "" {
		fmt.Fprintf(&b, "?%s", r.Query)
	}
	if isPreflight(r.Method, r.Header) {
		fmt.Fprintf(&b, " (preflight of a page of %s)", r.Header.Get("Origin"))
	}
	if r.Key != "" {
		fmt.Fprintf(&b, ", key %s", r.Key)
	}
	if r.ContentType != "" {
		fmt.Fprintf(&b, ", %s", r.ContentType)
	}
	switch n := len(r.Body); {
	case n > shownBody:
		fmt.Fprintf(&b, ", %#q… of %d bytes", r.Body[:shownBody], n)
	case n > 0:
		fmt.Fprintf(&b, ", %#q", r.Body)
	}
	switch {
	case r.Status == 0:
		b.WriteString(": no answer")
	default:
		fmt.Fprintf(&b, ": %d", r.Status)
	}
	if r.Kept {
		b.WriteString(", kept")
	}
	if r.Error != "" {
		fmt.Fprintf(&b, " (%s)", r.Error)
	}
	return b.String()
}

// String is the beacon in a line, for messages of tests.
func (b Beacon) String() string {
	if b.Times < 2 {
		return b.Request.String()
	}
	return fmt.Sprintf("%v; came %d times", b.Request, b.Times)
}
