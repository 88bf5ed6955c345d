package row

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// inUTF8 decodes text of any charset that browsers know by its label; a byte order mark takes precedence (Encoding,
// "decode"). Text with an unknown label is taken for UTF-8 if it can
// be. The note is about the label, or about bytes that became U+FFFD.
func inUTF8(text []byte, label string) (decoded []byte, note, err error) {
	charset, err := htmlindex.Get(label)
	switch {
	case err != nil && utf8.Valid(text):
		return text, fmt.Errorf("the charset %s is not known, and the text is UTF-8", label), nil
	case err != nil, charset == encoding.Replacement: // which stands for those that are not safe to decode
		return nil, nil, fmt.Errorf("the charset %s is not known: utf-8 is, and the others that browsers know", label)
	}
	if m, ok := charset.(*charmap.Charmap); ok && !hasByteOrderMark(text) {
		decoded = singleByte(m, text)
	} else if decoded, _, err = transform.Bytes(unicode.BOMOverride(charset.NewDecoder()), text); err != nil {
		return nil, nil, fmt.Errorf("the text is not in its charset, %s: %w", label, err)
	}
	if bytes.ContainsRune(decoded, utf8.RuneError) {
		note = fmt.Errorf("the text has bytes that are not characters of its charset, %s; data has U+FFFD there", label)
	}
	return decoded, note, nil
}

func hasByteOrderMark(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) || bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.HasPrefix(text, []byte("\xff\xfe"))
}

// singleByte decodes by the index of the Encoding standard, in which a byte below 0xA0 that is not a character of the
// charset is the control character of the same number.
func singleByte(m *charmap.Charmap, text []byte) []byte {
	decoded := make([]byte, 0, len(text)+len(text)/8)
	for _, b := range text {
		r := m.DecodeByte(b)
		if r == utf8.RuneError && b < 0xa0 {
			r = rune(b)
		}
		decoded = utf8.AppendRune(decoded, r)
	}
	return decoded
}
