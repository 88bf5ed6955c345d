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
// file stay in the body only.
func decodeMultipart(body []byte, boundary string) (json.RawMessage, error) {
	if boundary == "" {
		return nil, errors.New("the multipart body can't be divided: its Content-Type has no boundary")
	}
	var o object
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 1; ; n++ {
		// NextPart would decode quoted-printable, which the standard's multipart/form-data does not have.
		part, err := parts.NextRawPart()
		if err == io.EOF {
			if !bytes.Contains(body, []byte("--"+boundary+"--")) { // the body ends in the header of a part
				return nil, multipartError(n, io.ErrUnexpectedEOF)
			}
			return o.json(), joined(o.notes...)
		}
		if err != nil {
			return nil, multipartError(n, err)
		}
		if err := addPart(&o, part, n); err != nil {
			return nil, err
		}
	}
}

func addPart(o *object, part *multipart.Part, n int) error {
	// A Content-Disposition has the same form as a MIME type, except for the slash.
	disposition := parseMIME("x/" + part.Header.Get("Content-Disposition"))
	name, ok := disposition.params["name"]
	name = unescapeField.Replace(name)
	if disposition.essence != "x/form-data" || !ok {
		return fmt.Errorf("part %d of the multipart body is not a field: it has no name", n)
	}
	if kindOf(parseMIME(part.Header.Get("Content-Type")).essence) == JSON {
		return addJSONPart(o, name, part, n)
	}
	filename, isFile := disposition.params["filename"]
	filename = unescapeField.Replace(filename)
	if !isFile {
		value, err := io.ReadAll(part)
		if err != nil {
			return multipartError(n, err)
		}
		return o.addField(name, string(value))
	}
	size, err := io.Copy(io.Discard, part)
	if err != nil {
		return multipartError(n, err)
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
func addJSONPart(o *object, name string, part *multipart.Part, n int) error {
	text, err := io.ReadAll(part)
	if err != nil {
		return multipartError(n, err)
	}
	value, note := decodeJSON(text)
	if note != nil {
		o.notes = append(o.notes, fmt.Errorf("part %d of the multipart body: %w", n, note))
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
