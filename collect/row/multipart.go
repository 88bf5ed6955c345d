package row

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
)

// decodeMultipart returns an object in which a field is a string, and a file is its name, type and size: the bytes of a
// file stay in the body only. The parts before a broken one are kept, with a note.
func decodeMultipart(body []byte, boundary, label string) (json.RawMessage, error) {
	if boundary == "" {
		return nil, errors.New("the multipart body can't be divided: its Content-Type has no boundary")
	}
	var o object
	c, note := charsetOf(label)
	o.note(note)
	if bytes.Contains(body, []byte(charsetField)) {
		c = o.charsetIn(charsetPart(body, boundary), c)
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 1; ; n++ {
		if n > maxFields+1 {
			return nil, errTooManyFields
		}
		// NextPart would decode quoted-printable, which the standard's multipart/form-data does not have.
		part, err := parts.NextRawPart()
		switch {
		case err == io.EOF && bytes.Contains(body, []byte("--"+boundary+"--")):
			return o.whole()
		case err == io.EOF: // the body ends in the header of a part
			err = multipartError(n, io.ErrUnexpectedEOF)
		case err != nil:
			err = multipartError(n, err)
		default:
			err = o.addPart(part, n, c)
		}
		if errors.Is(err, errTooManyFields) {
			return nil, err
		}
		var nameless *namelessError
		if o.note(err); err != nil && !errors.As(err, &nameless) {
			return o.whole()
		}
	}
}

// whole returns the fields and the notes. The data is nil if notes are all that the body gave.
func (o *object) whole() (json.RawMessage, error) {
	if o.count == 0 && len(o.notes) > 0 {
		return nil, joined(o.notes...)
	}
	return o.json(), joined(o.notes...)
}

// charsetPart returns the value of the field that has the charset of the others (RFC 7578, section 4.6), or "".
func charsetPart(body []byte, boundary string) string {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxFields {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		if parseMIME("x/" + part.Header.Get("Content-Disposition")).params["name"] == charsetField {
			label, _ := io.ReadAll(io.LimitReader(part, 100))
			return string(label)
		}
	}
	return ""
}

// addPart adds a part. An error about the name alone does not concern the other parts.
func (o *object) addPart(part *multipart.Part, n int, c charset) error {
	// A Content-Disposition has the same form as a MIME type, except for the slash.
	disposition := parseMIME("x/" + part.Header.Get("Content-Disposition"))
	name, ok := disposition.params["name"]
	name = unescapeField.Replace(name)
	if disposition.essence != "x/form-data" || !ok {
		return &namelessError{n}
	}
	mime := parseMIME(part.Header.Get("Content-Type"))
	filename, isFile := disposition.params["filename"]
	isJSON := kindOf(mime.essence) == JSON
	if isFile && !isJSON {
		return o.addFile(name, unescapeField.Replace(filename), part, n, c)
	}
	text, err := io.ReadAll(part)
	if err != nil {
		return multipartError(n, err)
	}
	name = o.decodeName(name, c)
	if label := mime.params["charset"]; label != "" {
		c = charset{}
		if !mime.isUTF8() && !(isJSON && isJSONInUTF8(JSON, text)) {
			decoded, note, err := inUTF8(text, label)
			if err == nil {
				text = decoded
			}
			if note = joined(note, err); note != nil {
				o.note(fmt.Errorf("part %d of the multipart body: %w", n, note))
			}
		}
	}
	if isJSON {
		return o.addJSONPart(name, text, n)
	}
	return o.addDecoded(name, string(text), c)
}

// addFile adds a part that is a file.
func (o *object) addFile(name, filename string, part *multipart.Part, n int, c charset) error {
	size, err := io.Copy(io.Discard, part)
	if err != nil {
		return multipartError(n, err)
	}
	name = o.decodeName(name, c)
	filename, note := c.decode(filename)
	if note != nil {
		o.note(fmt.Errorf("the name of the file in field %.100s: %w", name, note))
	}
	file, err := marshal(struct {
		Filename string `json:"filename"`
		Type     string `json:"type"`
		Size     int64  `json:"size"`
	}{valid(filename), valid(part.Header.Get("Content-Type")), size})
	if err != nil {
		return err
	}
	return o.add(name, file)
}

// addJSONPart adds a part of a JSON type as that JSON. A script that appends a Blob to a FormData makes such a part.
func (o *object) addJSONPart(name string, text []byte, n int) error {
	value, note := decodeJSON(text)
	if note != nil {
		o.note(fmt.Errorf("part %d of the multipart body: %w", n, note))
	}
	if value == nil {
		value = quote(string(text))
	}
	return o.add(name, value)
}

// unescapeField decodes the characters that a form's encoder escapes because they would end a quoted name (HTML,
// "multipart/form-data encoding algorithm").
var unescapeField = strings.NewReplacer("%0A", "\n", "%0D", "\r", "%22", `"`)

func multipartError(n int, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("part %d of the multipart body is cut short: its closing boundary is missing", n)
	}
	return fmt.Errorf("part %d of the multipart body is broken: %w", n, err)
}

// A namelessError is about a part that has no name.
type namelessError struct{ n int }

func (e *namelessError) Error() string {
	return fmt.Sprintf("part %d of the multipart body is not a field: it has no name", e.n)
}
