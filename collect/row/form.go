package row

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// decodeForm is the application/x-www-form-urlencoded parser of URL, section 5.1. It accepts each body of up to
// maxFields fields. The error may be a note beside the data.
func decodeForm(body []byte) (json.RawMessage, error) {
	var o object
	if err := o.addForm(string(body)); err != nil {
		return nil, err
	}
	if bytes.Contains(bytes.TrimRight(body, space), []byte("\n")) {
		o.notes = append(o.notes, errors.New("the form has line breaks that are not escaped, which a form's encoder never writes"))
	}
	return o.json(), joined(o.notes...)
}

// addForm adds the fields of a form.
func (o *object) addForm(form string) error {
	for field := range strings.SplitSeq(form, "&") {
		if field == "" {
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		if err := o.addField(percentDecode(name), percentDecode(value)); err != nil {
			return err
		}
	}
	return nil
}

// addField adds a form's field as a string. A value that is a JSON object or array, or the base64 of one, becomes
// that JSON: many trackers send all of an event in one field.
func (o *object) addField(name, value string) error {
	var data json.RawMessage
	var note error
	if text := strings.TrimLeft(value, space); text != "" && (text[0] == '{' || text[0] == '[') {
		data, note = objectOrArray([]byte(text))
	} else {
		_, data, note = base64JSON(value, maxInflated-o.spent)
		o.spent += len(data)
	}
	if note != nil {
		o.notes = append(o.notes, fmt.Errorf("field %.100s: %w", name, note))
	}
	if data == nil {
		data = quote(value)
	}
	return o.add(name, data)
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
