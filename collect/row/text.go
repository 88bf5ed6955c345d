package row

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// decodeText returns text even where it also returns an error: mended text is still
// worth searching.
func decodeText(body []byte) (json.RawMessage, error) {
	data := quote(string(body))
	if at := invalidUTF8(body); at >= 0 {
		return data, fmt.Errorf("the text is not UTF-8 at byte %d; data has U+FFFD there", at)
	}
	return data, nil
}

// invalidUTF8 returns the place of the first byte that isn't UTF-8, or -1.
func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	at := 0
	for {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n <= 1 {
			return at
		}
		at += n
	}
}
