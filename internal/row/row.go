// Package row is a beacon as a row: the decoded view of a record that sinks store
// and the live tail shows. Decoding never fails and never changes a beacon: what
// can't be decoded is a row with its bytes and the reason.
package row

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// The kinds of a beacon: how its body was read.
const (
	Text      = "text"      // text/*: data is the text as a JSON string
	JSON      = "json"      // application/json, text/json, +json: data is the body
	Form      = "form"      // application/x-www-form-urlencoded: data is an object
	Multipart = "multipart" // multipart/form-data: data is an object
	Binary    = "binary"    // any other type, or none: data is NULL
	Ping      = "ping"      // neither a type nor a body: data is NULL
)

// A Row has the columns of the table beacons, in their order. Its strings are valid
// UTF-8.
type Row struct {
	ID          uuid.UUID
	ReceivedAt  time.Time // UTC, to the microsecond
	SentAt      time.Time // UTC, to the millisecond; zero where the sender didn't say
	Stream      string    // the URL path, as sent
	Query       string    // what follows the '?' of the URL, as sent
	Origin      string
	Referrer    string
	UserAgent   string
	IP          string
	ContentType string // as sent
	Kind        string
	Body        []byte
	Data        json.RawMessage // valid JSON, or nil where there is none
	Error       string          // why Data is missing or mended, or ""
}

// Of returns the row of r. It shares memory with r's body.
func Of(r *warc.Record) Row {
	q := &r.Request
	row := Row{
		ID:          r.ID,
		ReceivedAt:  r.Date.UTC().Truncate(time.Microsecond),
		SentAt:      sentAt(r),
		Origin:      valid(q.Header.Get("Origin")),
		Referrer:    valid(q.Header.Get("Referer")),
		UserAgent:   valid(q.Header.Get("User-Agent")),
		IP:          valid(r.IP),
		ContentType: valid(q.Header.Get("Content-Type")),
		Body:        q.Body,
	}
	row.Stream, row.Query = Target(q.Target)
	row.decode(q.Header.Get("Content-Type"))
	return row
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
	return string([]rune(s)) // a U+FFFD for each byte that is no character
}

// decode fills in the kind, the data and the error.
func (row *Row) decode(contentType string) {
	mime := parseMIME(contentType)
	row.Kind = kindOf(mime.essence)
	if contentType == "" && len(row.Body) == 0 {
		row.Kind = Ping
	}
	if row.Kind != Multipart && row.Kind != Binary && !mime.isUTF8() {
		row.Error = valid("charset " + mime.params["charset"] + " is not supported, only utf-8")
		return
	}
	var err error
	switch row.Kind {
	case Text:
		row.Data, err = decodeText(row.Body)
	case JSON:
		row.Data, err = decodeJSON(row.Body)
	case Form:
		row.Data, err = decodeForm(row.Body)
	case Multipart:
		row.Data, err = decodeMultipart(row.Body, mime.params["boundary"])
	}
	if err != nil {
		row.Error = valid(err.Error())
	}
}

func kindOf(essence string) string {
	switch {
	case essence == "application/json", essence == "text/json", strings.HasSuffix(essence, "+json"):
		return JSON
	case strings.HasPrefix(essence, "text/"):
		return Text
	case essence == "application/x-www-form-urlencoded":
		return Form
	case essence == "multipart/form-data":
		return Multipart
	}
	return Binary
}

const (
	timeLayout = "2006-01-02T15:04:05.000000Z07:00"
	textLength = 2 << 10 // bytes of the body that the live tail shows
)

// MarshalJSON is the row as the live tail sends it: the body as text, cut to 2 KiB, or
// null where it isn't UTF-8, with its whole size in bytes beside it.
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
	}{
		ID: row.ID.String(), ReceivedAt: row.ReceivedAt.UTC().Format(timeLayout),
		Stream: row.Stream, Query: row.Query, Origin: row.Origin, Referrer: row.Referrer,
		UserAgent: row.UserAgent, IP: row.IP, ContentType: row.ContentType,
		Kind: row.Kind, Size: len(row.Body), Data: row.Data,
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

// marshal writes JSON with <, > and & as they are: none of it is put into HTML as it is.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// quote returns s as a JSON string, with U+FFFD for what isn't UTF-8.
func quote(s string) json.RawMessage {
	b, _ := marshal(valid(s))
	return b
}
