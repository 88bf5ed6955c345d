// Package row decodes a record into rows, which the table stores and the live view shows. Decoding
// never fails and never changes a beacon: a body that can't be decoded becomes a row with the body's
// bytes and the reason.
package row

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// The kinds of a beacon, which say how its body was decoded. A body that is compressed, by its
// Content-Encoding or its first bytes, is decompressed first.
const (
	Text      = "text"      // text/*: data is the text as a JSON string
	JSON      = "json"      // application/json, text/json, +json: data is the body; lines of JSON are an array
	Form      = "form"      // application/x-www-form-urlencoded, or an empty body with a query: data is an object; lines of forms are an array
	Multipart = "multipart" // multipart/form-data: data is an object
	Binary    = "binary"    // any other type, or no type and unknown content: data is NULL
	Ping      = "ping"      // text/ping: data has from and to; without type and body data is NULL
	Report    = "report"    // application/reports+json, application/csp-report: data is the body
	Pixel     = "pixel"     // a GET: data is the query, decoded as a form
	Envelope  = "envelope"  // an envelope of Sentry's: data has its header and its items
	OTLP      = "otlp"      // OpenTelemetry's protobuf: data is OTLP's JSON
)

// AddressField is the field of a record that has a value derived from the client IP, such as a hash,
// in place of the IP.
const AddressField = "Beacon-Address"

// VisitorField is the field of a record that has the id of a visitor.
const VisitorField = "Beacon-Visitor"

// CountryField is the field of a record that has the client's country, which the collector found by the whole client IP.
const CountryField = "Beacon-Country"

// BotField is the field of a record that has the collector's reason why the beacon is from a bot. The collector knows
// the whole client IP and its operator's rules, so that each later reader gets the same reason.
const BotField = "Beacon-Bot"

// A Row has the columns of the table beacons, in their order. Its strings are valid UTF-8.
type Row struct {
	ID          uuid.UUID
	ReceivedAt  time.Time // UTC, to the microsecond
	SentAt      time.Time // UTC, to the millisecond; zero if the sender did not send it
	Stream      string    // the URL path, as sent
	Query       string    // the URL after the '?', as sent
	Origin      string
	Referrer    string
	UserAgent   string
	IP          string // the client IP or a value derived from it, or ""
	ContentType string // as sent
	Kind        string
	Body        []byte
	Data        json.RawMessage // valid JSON, or nil
	Error       string          // why Data is missing or repaired, or ""
	Agent                       // the program that sent it
	Visitor     string          // the id of a visitor, which changes daily, or ""
	Country     string          // the client's country as two letters (ISO 3166-1), or ""
}

// Of returns r as one row, also if r is a batch. The row shares memory with r's body.
func Of(r *warc.Record) Row {
	row, _, _ := of(r)
	return row
}

// of also returns the source that the row was decoded from, and the notes about the body as a whole.
func of(r *warc.Record) (row Row, from source, packing error) {
	q := &r.Request
	row = Row{
		ID:          r.ID,
		ReceivedAt:  r.Date.UTC().Truncate(time.Microsecond),
		SentAt:      sentAt(r),
		Origin:      valid(q.Header.Get("Origin")),
		Referrer:    valid(q.Header.Get("Referer")),
		UserAgent:   valid(q.Header.Get("User-Agent")),
		IP:          valid(cmp.Or(r.IP, r.Extra.Get(AddressField))),
		ContentType: valid(q.Header.Get("Content-Type")),
		Body:        q.Body,
		Agent:       agentOf(q.Header),
		Visitor:     valid(r.Extra.Get(VisitorField)),
		Country:     valid(r.Extra.Get(CountryField)),
	}
	row.BotReason = cmp.Or(row.BotReason, valid(r.Extra.Get(BotField)))
	row.Stream, row.Query = Target(q.Target)
	from, packing, err := row.decode(q)
	if err = joined(packing, err); err != nil {
		row.Error = shortened(err)
	}
	return row, from, packing
}

// maxError is the length of a row's error in bytes.
const maxError = 1 << 10

func shortened(err error) string {
	text := valid(err.Error())
	if len(text) > maxError {
		text = string(cut([]byte(text), maxError)) + "…"
	}
	return text
}

// Target splits a request-target, or a URL, into the stream and the query.
func Target(target string) (stream, query string) {
	// The absolute form of RFC 9112, section 3.2.2, which a server has to accept.
	if scheme, rest, ok := strings.Cut(target, "://"); ok && !strings.ContainsAny(scheme, "/?") {
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			target = rest[i:]
		} else {
			target = "/"
		}
	}
	stream, query, _ = strings.Cut(target, "?")
	if stream == "" {
		stream = "/"
	}
	return valid(stream), valid(query)
}

func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s)) // with U+FFFD for each invalid byte
}
