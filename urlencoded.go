package beacon

import (
	"net/url"
	"slices"
)

// URLEncoded is the text of a URLSearchParams, for values whose order matters: SendBeacon
// sends url.Values in the order of their names.
type URLEncoded string

// urlEncode is URL, "application/x-www-form-urlencoded serializing". It differs from
// url.Values.Encode in the characters * and ~. Names are in order, for want of another.
func urlEncode(values url.Values) []byte {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var b []byte
	for _, name := range names {
		for _, value := range values[name] {
			if len(b) > 0 {
				b = append(b, '&')
			}
			b = percentEncode(b, name)
			b = append(b, '=')
			b = percentEncode(b, value)
		}
	}
	return b
}

func percentEncode(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range scalarValues(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '*', c == '-', c == '.', c == '_':
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
