package row

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// decode sets the kind and the data. It returns the text that it decoded. note is about the body's labels. The error is
// the reason why data is missing, or a note about what was mended in it.
func (row *Row) decode(q *warc.Request) (from source, note, err error) {
	contentType := q.Header.Get("Content-Type")
	mime := parseMIME(contentType)
	row.Kind = kindOf(mime.essence)
	query := queryOf(q)
	switch {
	case q.Method == "GET":
		row.Kind = Pixel
		row.Data, err = decodeForm([]byte(query), charset{})
		return source{}, nil, err
	case row.Kind == Ping:
		row.Data, err = decodePing(q.Header)
		return source{}, nil, err
	case len(row.Body) == 0 && query != "": // as analytics libraries send a single event
		row.Kind = Form
		row.Data, err = decodeForm([]byte(query), charset{})
		return source{}, nil, err
	case len(row.Body) == 0 && contentType == "":
		row.Kind = Ping
		return source{}, nil, nil
	}
	raw, packed, note, err := inflate(row.Body, codings(q.Header), row.Kind != Binary || isOpaque(mime.essence) || isProtobuf(mime.essence), maxInflated)
	if err != nil {
		return source{}, nil, err
	}
	label := mime.params["charset"]
	text, mislabelled, err := row.textOf(raw, mime, packed)
	if err != nil {
		return source{}, note, err
	}
	from.text = text
	switch {
	case mime.essence == "", mime.essence == "text/plain", mime.essence == formType:
		row.Kind, row.Data, from.text, err = sniff(mime.essence, text)
	case isProtobuf(mime.essence):
		if otlpSignal(row.Stream) != "" {
			row.Kind = OTLP
		}
	case packed && row.Kind == Binary:
		row.Kind, row.Data, from.text, err = sniff("", text) // the type was that of the compression
	case row.Kind == Binary && isOpaque(mime.essence):
		kind, data, decoded, sniffed := sniffJSON(text)
		if err = sniffed; kind != "" {
			row.Kind, row.Data, from.text = kind, data, decoded
		}
	}
	if row.Data != nil {
		return from, joined(note, mislabelled), err
	}
	if row.Kind == Form {
		from, mislabelled = formSource(raw, text, label, mislabelled)
	}
	note, err = joined(note, mislabelled, err), nil
	switch row.Kind {
	case Text:
		row.Data, err = decodeText(text)
	case JSON, Report:
		if isNDJSON(mime.essence) {
			row.Data, err = array(lines(text), decodeJSON)
		} else if row.Data, err = decodeJSON(text); row.Data == nil && row.Kind == JSON {
			form, _ := formSource(raw, text, label, nil)
			if err = joined(err, row.relabel(text, form)); row.Kind == Form {
				from = form
			}
		}
	case Form:
		if hasFormLines(from.text) {
			row.Data, err = decodeFormLines(from, query)
		} else {
			row.Data, err = decodeForm(from.text, from.charset)
		}
	case Multipart:
		row.Data, err = decodeMultipart(text, mime.params["boundary"], label)
	case Envelope:
		row.Data, err = decodeEnvelope(text)
	case OTLP:
		row.Data, err = decodeOTLP(otlpSignal(row.Stream), text)
	}
	if row.Kind == Binary && row.Data == nil && err == nil && len(text) > 0 {
		err = undecoded(mime.essence)
	}
	if len(row.Data) > maxData {
		row.Data, err = nil, fmt.Errorf("data has more than %d bytes", maxData)
	}
	return from, note, err
}

// textOf returns the text of a body in UTF-8, or the body if it is not text. A byte order mark of UTF-16 needs no label
// (Encoding, "BOM sniff"). Bytes without a label that begin so are text only if all of them are characters.
func (row *Row) textOf(raw []byte, mime mimeType, packed bool) (text []byte, note, err error) {
	switch {
	case row.Kind == Multipart:
	case row.Kind == Binary:
		if hasUTF16Mark(raw) && (packed || isOpaque(mime.essence)) {
			if decoded, note, err := inUTF8(raw, ""); note == nil && err == nil && isText(decoded) {
				return decoded, nil, nil
			}
		}
	case hasUTF16Mark(raw), !mime.isUTF8() && !isJSONInUTF8(row.Kind, raw):
		return inUTF8(raw, mime.params["charset"])
	}
	return raw, nil, nil
}

// undecoded is the error for a body of the kind Binary.
func undecoded(essence string) error {
	if essence == "" {
		return errors.New("the body has no type and is not text, so it is not decoded")
	}
	return fmt.Errorf("a body of the type %s is not decoded", essence)
}

// queryOf returns the query as sent, also if it is not UTF-8.
func queryOf(q *warc.Request) string {
	_, query, _ := strings.Cut(q.Target, "?")
	return query
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
// text is the body, and form the body as a form.
func (row *Row) relabel(text []byte, form source) (note error) {
	if kind, data, _, err := sniffJSON(text); kind == JSON {
		row.Data = data
		return joined(errors.New("data is that of the lines or of the base64"), err)
	}
	if isForm(text) {
		data, err := decodeForm(form.text, form.charset)
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
