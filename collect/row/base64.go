package row

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// base64JSON returns the JSON object or array whose base64, of either alphabet, is text, also if the JSON is compressed
// in it. It returns nil for any other text.
func base64JSON(text string) json.RawMessage {
	if !mayBeBase64JSON(text) {
		return nil
	}
	// A + that a form's sender did not escape came as a space.
	text = strings.NewReplacer("-", "+", "_", "/", " ", "+", "\r", "", "\n", "").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	if codingOf(b) != "" {
		if b, _, _, err = inflate(b, nil, true); err != nil {
			return nil
		}
	}
	data, _ := objectOrArray(b)
	return data
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
