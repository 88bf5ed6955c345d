// Package row decodes a record into rows, which the table stores and the live view shows. Decoding
// never fails and never changes a beacon: a body that can't be decoded becomes a row with the body's
// bytes and the reason.
package row

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
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

	rawQuery string // as sent, also where it is not UTF-8
}

// Of returns r as one row, also if r is a batch. The row shares memory with r's body.
func Of(r *warc.Record) Row {
	row, _, _ := of(r)
	return row
}

// of also returns the text that the row was decoded from, and the notes about the body as a whole.
func of(r *warc.Record) (row Row, text []byte, packing error) {
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
		Bot:         isBot(q.Header.Get("User-Agent")),
	}
	row.Stream, row.Query = Target(q.Target)
	text, packing, err := row.decode(q)
	if err = joined(packing, err); err != nil {
		row.Error = shortened(err)
	}
	return row, text, packing
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

// decode sets the kind and the data. It returns the text that it decoded. That is nil if the charset was changed, so
// that parts of it are not parts of the body. note is about the body's labels. The error is the reason that there is
// no data, or, beside data, a note about what was mended.
func (row *Row) decode(q *warc.Request) (whole []byte, note, err error) {
	contentType := q.Header.Get("Content-Type")
	mime := parseMIME(contentType)
	row.Kind = kindOf(mime.essence)
	_, row.rawQuery, _ = strings.Cut(q.Target, "?")
	switch {
	case q.Method == "GET":
		row.Kind = Pixel
		row.Data, err = decodeForm([]byte(row.rawQuery))
		return nil, nil, err
	case row.Kind == Ping:
		row.Data, err = decodePing(q.Header)
		return nil, nil, err
	case len(row.Body) == 0 && row.rawQuery != "": // as analytics libraries send a single event
		row.Kind = Form
		row.Data, err = decodeForm([]byte(row.rawQuery))
		return nil, nil, err
	case len(row.Body) == 0 && contentType == "":
		row.Kind = Ping
		return nil, nil, nil
	}
	text, packed, note, err := inflate(row.Body, codings(q.Header), row.Kind != Binary || isOpaque(mime.essence) || isProtobuf(mime.essence), maxInflated)
	if err != nil {
		return nil, nil, err
	}
	whole = text
	if row.Kind != Multipart && row.Kind != Binary && !mime.isUTF8() && !isJSONInUTF8(row.Kind, text) {
		var mislabelled error
		if text, mislabelled, err = inUTF8(whole, mime.params["charset"]); err != nil {
			return nil, note, err
		}
		note = joined(note, mislabelled)
		if !bytes.Equal(text, whole) {
			whole = nil
		}
	}
	from := text
	switch {
	case mime.essence == "", mime.essence == "text/plain", mime.essence == formType:
		row.Kind, row.Data, from, err = sniff(mime.essence, text)
	case isProtobuf(mime.essence):
		if otlpSignal(row.Stream) != "" {
			row.Kind = OTLP
		}
	case packed && row.Kind == Binary:
		row.Kind, row.Data, from, err = sniff("", text) // the type was that of the compression
	case row.Kind == Binary && isOpaque(mime.essence):
		if kind, data, decoded, sniffed := sniffJSON(text); kind != "" {
			row.Kind, row.Data, from, err = kind, data, decoded, sniffed
		}
	}
	if row.Data != nil {
		if whole != nil {
			whole = from
		}
		return whole, note, err
	}
	switch row.Kind {
	case Text:
		row.Data, err = decodeText(text)
	case JSON, Report:
		if isNDJSON(mime.essence) {
			row.Data, err = decodeLines(text)
		} else if row.Data, err = decodeJSON(text); row.Data == nil && row.Kind == JSON {
			err = joined(err, row.relabel(text))
		}
	case Form:
		if hasFormLines(text) {
			row.Data, err = decodeFormLines(text, row.rawQuery)
		} else {
			row.Data, err = decodeForm(text)
		}
	case Multipart:
		row.Data, err = decodeMultipart(text, mime.params["boundary"])
	case Envelope:
		row.Data, err = decodeEnvelope(text)
	case OTLP:
		row.Data, err = decodeOTLP(otlpSignal(row.Stream), text)
	}
	if len(row.Data) > maxData {
		row.Data, err = nil, fmt.Errorf("data has more than %d bytes", maxData)
	}
	return whole, note, err
}

// maxData bounds the data of a row, in bytes: escapes can make it larger than the body.
const maxData = 32 << 20

// isJSONInUTF8 reports whether a body is JSON, whatever charset its label has.
func isJSONInUTF8(kind string, text []byte) bool {
	if kind == JSON || kind == Report {
		_, err := validJSON(text)
		return err == nil
	}
	return isJSON(text)
}

// relabel decodes a body that is labelled as JSON and is not: lines of JSON, base64 or a form. The error is a note.
func (row *Row) relabel(text []byte) (note error) {
	if kind, data, _, err := sniffJSON(text); kind == JSON {
		row.Data = data
		return joined(errors.New("data is that of the lines or of the base64"), err)
	}
	if isForm(text) {
		data, err := decodeForm(text)
		row.Kind, row.Data = Form, data
		return joined(errors.New("data is that of a form"), err)
	}
	return nil
}

// maxNotes is how many notes an error lists.
const maxNotes = 3

// joined returns an error with the texts of those that are not nil, or nil.
func joined(errs ...error) error {
	var texts []string
	more := 0
	for _, err := range errs {
		switch {
		case err == nil:
		case len(texts) < maxNotes:
			texts = append(texts, err.Error())
		default:
			more++
		}
	}
	if texts == nil {
		return nil
	}
	if more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(texts, "; "))
}

const formType = "application/x-www-form-urlencoded"

func kindOf(essence string) string {
	switch {
	case essence == "application/reports+json", essence == "application/csp-report":
		return Report
	case essence == "text/ping":
		return Ping
	case essence == "application/x-sentry-envelope":
		return Envelope
	case isNDJSON(essence), essence == "application/json", essence == "text/json", essence == "text/x-json", essence == "application/x-json", strings.HasSuffix(essence, "+json"):
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
