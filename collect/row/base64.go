package row

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// A + that a form's sender did not escape came as a space.
var standardBase64 = strings.NewReplacer("-", "+", "_", "/", " ", "+", "\r", "", "\n", "")

// base64JSON returns the bytes whose base64, of either alphabet, is text, and their data, if they are a JSON object or
// array, which may be compressed. It returns nil for any other text. Decompression is bounded by room, in bytes. The
// error is a note beside the data, or says why JSON or compressed bytes are not decoded.
func base64JSON(text string, room int) (b []byte, data json.RawMessage, note error) {
	if !mayBeBase64JSON(text) {
		return nil, nil, nil
	}
	b, err := base64.RawStdEncoding.DecodeString(standardBase64.Replace(strings.TrimRight(strings.TrimSpace(text), "=")))
	if err != nil {
		return nil, nil, nil
	}
	var packing error
	if coding := codingOf(b); coding != "" {
		if b, _, packing, err = inflate(b, nil, true, room); err != nil {
			if coding == "deflate" && !errors.As(err, new(*tooLargeError)) {
				return nil, nil, nil // its two bytes are also how a text can begin
			}
			return nil, nil, fmt.Errorf("the base64 is not decoded: %w", err)
		}
	}
	if data, note = objectOrArray(b); data == nil {
		if note != nil {
			note = fmt.Errorf("in the base64: %w", note)
		}
		return nil, nil, note
	}
	return b, data, joined(packing, note)
}

// minBase64 is the least length of a text that is taken for base64. A shorter one, such as e30, is more likely a word.
const minBase64 = 8

// mayBeBase64JSON looks at the first characters: those of { and [, and of gzip, zlib and zstd.
func mayBeBase64JSON(text string) bool {
	if len(text) < minBase64 {
		return false
	}
	switch c := text[1]; text[0] {
	case 'e', 'W':
		return c >= 'w' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("+/-_", c) >= 0 ||
			text[0] == 'e' && strings.IndexByte("AFJN", c) >= 0
	case 'H':
		return strings.HasPrefix(text, "H4sI")
	case 'K':
		return strings.HasPrefix(text, "KLUv")
	}
	return false
}
