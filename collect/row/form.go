package row

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// decodeForm is the application/x-www-form-urlencoded parser of URL, section 5.1. It
// accepts every body.
func decodeForm(body []byte) (json.RawMessage, error) {
	var o object
	for field := range strings.SplitSeq(string(body), "&") {
		if field == "" {
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		if err := o.addField(percentDecode(name), percentDecode(value)); err != nil {
			return nil, err
		}
	}
	return o.json(), nil
}

// addField adds a form's field as a string. One named data that is JSON in base64 becomes that
// JSON: trackers that are older than sendBeacon send all they have to say in it.
func (o *object) addField(name, value string) error {
	if name == "data" {
		if inner := base64JSON(value); inner != nil {
			return o.add(name, inner)
		}
	}
	return o.add(name, quote(value))
}

// base64JSON returns the JSON object or array in value, or nil.
func base64JSON(value string) json.RawMessage {
	// Both alphabets, and a + that nobody escaped.
	text := strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimRight(value, "="))
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || !isJSON(b) {
		return nil
	}
	data, _ := decodeJSON(b)
	return data
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
			high, low := hex(s[i+1]), hex(s[i+2])
			if high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

func hex(c byte) int {
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
