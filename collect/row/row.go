// Package row decodes a record into rows, which the table stores and the live view shows. Decoding
// never fails and never changes a beacon: a body that can't be decoded becomes a row with the body's
// bytes and the reason.
package row

import (
	"bytes"
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
	Form      = "form"      // application/x-www-form-urlencoded: data is an object
	Multipart = "multipart" // multipart/form-data: data is an object
	Binary    = "binary"    // any other type, or no type and unknown content: data is NULL
	Ping      = "ping"      // text/ping: data has from and to; without type and body data is NULL
	Report    = "report"    // application/reports+json, application/csp-report: data is the body
	Pixel     = "pixel"     // a GET: data is the query, decoded as a form
)

// AddressField is the field of a record that has a value derived from the client IP, such as a hash,
// in place of the IP.
const AddressField = "Beacon-Address"

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
	Bot         bool            // the User-Agent names a bot
}

// Of returns r as one row, also if r is a batch. The row shares memory with r's body.
func Of(r *warc.Record) Row {
	row, _ := of(r)
	return row
}

// of also returns the text that the row was decoded from.
func of(r *warc.Record) (Row, []byte) {
	q := &r.Request
	row := Row{
		ID:          r.ID,
		ReceivedAt:  r.Date.UTC().Truncate(time.Microsecond),
		SentAt:      sentAt(r),
		Origin:      valid(q.Header.Get("Origin")),
		Referrer:    valid(q.Header.Get("Referer")),
		UserAgent:   valid(q.Header.Get("User-Agent")),
		IP:          valid(cmp.Or(r.IP, r.Extra.Get(AddressField))),
		ContentType: valid(q.Header.Get("Content-Type")),
		Body:        q.Body,
		Bot:         isBot(q.Header.Get("User-Agent")),
	}
	row.Stream, row.Query = Target(q.Target)
	text, err := row.decode(q)
	if err != nil {
		row.Error = valid(err.Error())
	}
	return row, text
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

// decode sets the kind and the data. It returns the text that it decoded if that is the body as it
// was sent, apart from compression, and else nil.
func (row *Row) decode(q *warc.Request) (whole []byte, err error) {
	contentType := q.Header.Get("Content-Type")
	mime := parseMIME(contentType)
	row.Kind = kindOf(mime.essence)
	switch {
	case q.Method == "GET":
		row.Kind = Pixel
		_, query, _ := strings.Cut(q.Target, "?")
		row.Data, err = decodeForm([]byte(query))
		return nil, err
	case contentType == "" && len(row.Body) == 0:
		row.Kind = Ping
		return nil, nil
	case row.Kind == Ping:
		row.Data, err = decodePing(q.Header)
		return nil, err
	}
	if len(row.Body) == 0 && row.Kind == Form && row.Query != "" {
		// Matomo posts its parameters in the query.
		_, query, _ := strings.Cut(q.Target, "?")
		row.Data, err = decodeForm([]byte(query))
		return nil, err
	}
	text, packed, err := inflate(row.Body, codings(q.Header), row.Kind != Binary || isOpaque(mime.essence))
	if err != nil {
		return nil, err
	}
	whole = text
	if row.Kind != Multipart && row.Kind != Binary && !mime.isUTF8() {
		if text, err = inUTF8(whole, mime.params["charset"]); err != nil {
			return nil, err
		}
		if !bytes.Equal(text, whole) {
			whole = nil
		}
	}
	switch mime.essence {
	case "", "text/plain", formType:
		row.Kind, row.Data = sniff(mime.essence, text)
	default:
		if packed && row.Kind == Binary {
			row.Kind, row.Data = sniff("", text) // the type was that of the compression
		}
	}
	switch row.Kind {
	case Text:
		row.Data, err = decodeText(text)
	case JSON, Report:
		switch {
		case row.Data != nil: // sniff has decoded it
		case isNDJSON(mime.essence):
			row.Data, err = decodeLines(text)
		default:
			row.Data, err = decodeJSON(text)
		}
	case Form:
		row.Data, err = decodeForm(text)
	case Multipart:
		row.Data, err = decodeMultipart(text, mime.params["boundary"])
	}
	return whole, err
}

const formType = "application/x-www-form-urlencoded"

func kindOf(essence string) string {
	switch {
	case essence == "application/reports+json", essence == "application/csp-report":
		return Report
	case essence == "text/ping":
		return Ping
	case isNDJSON(essence), essence == "application/json", essence == "text/json", strings.HasSuffix(essence, "+json"):
		return JSON
	case strings.HasPrefix(essence, "text/"):
		return Text
	case essence == formType:
		return Form
	case essence == "multipart/form-data":
		return Multipart
	}
	return Binary
}

// isOpaque reports whether a MIME type says nothing about the content, or only that it is compressed.
func isOpaque(essence string) bool {
	switch essence {
	case "", "application/octet-stream", "application/gzip", "application/x-gzip", "application/zlib", "application/zstd":
		return true
	}
	return false
}

// decodePing returns the addresses in the headers of a ping (HTML, "hyperlink auditing"). The body
// of a ping is always the same.
func decodePing(header warc.Fields) (json.RawMessage, error) {
	return marshal(struct {
		From string `json:"from,omitempty"` // browsers leave it out where a referrer is not allowed
		To   string `json:"to"`
	}{valid(header.Get("Ping-From")), valid(header.Get("Ping-To"))})
}

const (
	timeLayout = "2006-01-02T15:04:05.000000Z07:00"
	textLength = 2 << 10 // bytes of the body that the live view shows
)

// MarshalJSON returns the row as the live view gets it. The body is text of at most 2 KiB, or null
// if it is not UTF-8; size is the size of the whole body in bytes.
func (row Row) MarshalJSON() ([]byte, error) {
	view := struct {
		ID          string          `json:"id"`
		ReceivedAt  string          `json:"received_at"`
		SentAt      *string         `json:"sent_at"`
		Stream      string          `json:"stream"`
		Query       string          `json:"query"`
		Origin      string          `json:"origin"`
		Referrer    string          `json:"referrer"`
		UserAgent   string          `json:"user_agent"`
		IP          string          `json:"ip"`
		ContentType string          `json:"content_type"`
		Kind        string          `json:"kind"`
		Size        int             `json:"size"`
		Text        *string         `json:"text"`
		Data        json.RawMessage `json:"data"`
		Error       *string         `json:"error"`
		Bot         bool            `json:"bot"`
	}{
		ID: row.ID.String(), ReceivedAt: row.ReceivedAt.UTC().Format(timeLayout),
		Stream: row.Stream, Query: row.Query, Origin: row.Origin, Referrer: row.Referrer,
		UserAgent: row.UserAgent, IP: row.IP, ContentType: row.ContentType,
		Kind: row.Kind, Size: len(row.Body), Data: row.Data, Bot: row.Bot,
	}
	if !row.SentAt.IsZero() {
		sent := row.SentAt.UTC().Format(timeLayout)
		view.SentAt = &sent
	}
	if utf8.Valid(row.Body) {
		text := string(cut(row.Body, textLength))
		view.Text = &text
	}
	if row.Error != "" {
		view.Error = &row.Error
	}
	return marshal(view)
}

// cut shortens text to at most n bytes without splitting a character.
func cut(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// marshal returns v as JSON. It leaves <, > and & as they are, since the pages insert JSON values into
// HTML only as text.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// quote returns s as a JSON string, with U+FFFD for bytes that are not UTF-8.
func quote(s string) json.RawMessage {
	b, _ := marshal(valid(s))
	return b
}
