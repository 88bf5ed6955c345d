package row

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
)

// A source is the text that a row was decoded from.
type source struct {
	text    []byte  // in UTF-8, or a form in its charset
	charset charset // of a form
}

// formSource returns the source of a form. raw is the form as it was sent, text is raw in UTF-8 with a note about that,
// and label is of its charset. A form is often labelled with another charset than that of its escapes, so one that is
// UTF-8 is taken for that. The fields of a form that is not decoded as a whole have notes of their own.
func formSource(raw, text []byte, label string, textNote error) (from source, note error) {
	c, _ := charsetOf(label)
	stateful := bytes.IndexByte(raw, '\x1b') >= 0 // its characters can have the bytes of & and =
	switch {
	case c.encoding == nil, hasByteOrderMark(raw), stateful:
		return source{text: text}, textNote
	case c.encoding != japanese.ISO2022JP && utf8.ValidString(percentDecode(string(raw))):
		return source{text: raw}, nil
	}
	return source{raw, c}, nil
}

// decodeForm is the application/x-www-form-urlencoded parser of URL, section 5.1, for any charset. It accepts each body
// of up to maxFields fields. The error may be a note beside the data.
func decodeForm(body []byte, c charset) (json.RawMessage, error) {
	var o object
	if err := o.addForm(string(body), c); err != nil {
		return nil, err
	}
	if bytes.Contains(bytes.TrimRight(body, space), []byte("\n")) {
		o.notes = append(o.notes, errors.New("the form has line breaks that are not escaped, which a form's encoder never writes"))
	}
	return o.json(), joined(o.notes...)
}

// addForm adds the fields of a form.
func (o *object) addForm(form string, c charset) error {
	if strings.Contains(form, charsetField) {
		if _, rest, ok := strings.Cut("&"+form, "&"+charsetField+"="); ok {
			label, _, _ := strings.Cut(rest, "&")
			c = o.charsetIn(percentDecode(label), c)
		}
	}
	for field := range strings.SplitSeq(form, "&") {
		if field == "" {
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		if err := o.addField(percentDecode(name), percentDecode(value), c); err != nil {
			return err
		}
	}
	return nil
}

// charsetField is the field in which browsers write the charset of a form (HTML, "constructing the entry list").
const charsetField = "_charset_"

// charsetIn returns the charset that the value of charsetField names, or c for an unknown one.
func (o *object) charsetIn(label string, c charset) charset {
	named, note := charsetOf(label)
	if note != nil {
		o.notes = append(o.notes, fmt.Errorf("field %s: %w", charsetField, note))
	}
	if note != nil || label == "" {
		return c
	}
	return named
}

// addField adds a form's field as a string. A value that is a JSON object or array, or the base64 of one, becomes
// that JSON: many trackers send all of an event in one field.
func (o *object) addField(name, value string, c charset) error {
	return o.addDecoded(o.decodeName(name, c), value, c)
}

// addDecoded is addField for a name in UTF-8.
func (o *object) addDecoded(name, value string, c charset) error {
	value, note := c.decode(value)
	var data json.RawMessage
	if note == nil {
		data, note = o.jsonIn(value)
	}
	if note != nil {
		o.notes = append(o.notes, fmt.Errorf("field %.100s: %w", name, note))
	}
	if data == nil {
		data = quote(value)
	}
	return o.add(name, data)
}

// decodeName returns the name of a field in UTF-8.
func (o *object) decodeName(name string, c charset) string {
	name, note := c.decode(name)
	if note != nil {
		o.notes = append(o.notes, fmt.Errorf("the name of field %.100s: %w", name, note))
	}
	return name
}

// jsonIn returns the JSON of a field's value, or nil.
func (o *object) jsonIn(value string) (data json.RawMessage, note error) {
	if text := strings.TrimLeft(value, space); text != "" && (text[0] == '{' || text[0] == '[') {
		return objectOrArray([]byte(text))
	}
	_, data, note = base64JSON(value, maxInflated-o.spent)
	o.spent += len(data)
	return data, note
}

// percentDecode leaves a % that isn't followed by two hex digits as it is.
func percentDecode(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(s):
			high, low := digit(s[i+1]), digit(s[i+2])
			if high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

// digit returns the value of a hexadecimal digit, or -1.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
