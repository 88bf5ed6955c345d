package page

import (
	"encoding/base64"
	"strings"

	"github.com/dop251/goja"
)

// defineBase64 is HTML, "Base64 utility methods".
func (rt *realm) defineBase64() {
	rt.operation("btoa", 1, func(c call) any {
		s := c.dom(0)
		b := make([]byte, s.Length())
		for i := range b {
			u := s.CharAt(i)
			if u > 0xff {
				panic(rt.domError("InvalidCharacterError", "Failed to %s: The string contains characters outside of the Latin1 range.", c.what))
			}
			b[i] = byte(u)
		}
		return base64.StdEncoding.EncodeToString(b)
	})
	rt.operation("atob", 1, func(c call) any {
		b, err := forgivingDecode(c.dom(0))
		if err != nil {
			panic(rt.domError("InvalidCharacterError", "Failed to %s: The string to be decoded is not correctly encoded.", c.what))
		}
		return rt.latin(string(b))
	})
}

// forgivingDecode is Infra, "forgiving-base64 decode".
func forgivingDecode(v goja.String) ([]byte, error) {
	s := strings.Map(func(r rune) rune {
		if strings.ContainsRune("\t\n\f\r ", r) {
			return -1
		}
		return r
	}, v.String())
	if len(s)%4 == 0 {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	}
	return base64.RawStdEncoding.DecodeString(s)
}
