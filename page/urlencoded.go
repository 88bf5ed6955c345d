package page

import (
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/form"
)

// A pair is a name and a value of a query or a form.
type pair struct{ name, value string }

// parseURLEncoded is URL, "application/x-www-form-urlencoded parsing".
func parseURLEncoded(s string) (list []pair) {
	for part := range strings.SplitSeq(s, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		list = append(list, pair{percentDecode(name), percentDecode(value)})
	}
	return list
}

func percentDecode(s string) string {
	s = strings.ReplaceAll(s, "+", " ")
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		} else {
			b = append(b, s[i])
		}
	}
	return strictUTF8(b)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func urlEncode(list []pair) string {
	var b []byte
	for _, p := range list {
		b = form.AppendURLEncoded(b, p.name, p.value)
	}
	return string(b)
}
