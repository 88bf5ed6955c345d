package row

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// inUTF8 decodes text of any charset that browsers know by its label; a byte order mark takes precedence (Encoding,
// "decode"). Text with an unknown label is taken for UTF-8 if it can be. The note is about the label, or about bytes that became U+FFFD.
func inUTF8(text []byte, label string) (decoded []byte, note, err error) {
	if hasUTF16Mark(text) {
		label = "utf-16"
	}
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
	return bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) || hasUTF16Mark(text)
}

func hasUTF16Mark(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.HasPrefix(text, []byte("\xff\xfe"))
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

// A charset decodes the strings of a form. The zero charset is UTF-8.
type charset struct {
	label    string
	encoding encoding.Encoding // nil for UTF-8
}

// charsetOf returns the charset that browsers know by a label. It is UTF-8 for UTF-16, which a form can't be encoded in
// (Encoding, "get an output encoding"), and for an unknown label, with a note.
func charsetOf(label string) (c charset, note error) {
	e, err := htmlindex.Get(label)
	switch {
	case label == "":
		return charset{}, nil
	case err != nil, e == encoding.Replacement:
		return charset{}, fmt.Errorf("the charset %.100s is not known", label)
	}
	switch name, _ := htmlindex.Name(e); name {
	case "utf-8", "utf-16le", "utf-16be":
		return charset{}, nil
	}
	return charset{label, e}, nil
}

// decode returns s in UTF-8. The note is about bytes that are not characters of the charset. The result has U+FFFD in
// their place, or in UTF-8 these bytes.
func (c charset) decode(s string) (decoded string, note error) {
	if c.encoding == nil {
		if utf8.ValidString(s) {
			return s, nil
		}
		return s, fmt.Errorf("the text is not UTF-8 at byte %d; data has U+FFFD there", invalidUTF8([]byte(s)))
	}
	if isPlainASCII(s) {
		return s, nil
	}
	if m, ok := c.encoding.(*charmap.Charmap); ok {
		decoded = string(singleByte(m, []byte(s)))
	} else if decoded, _, note = transform.String(c.encoding.NewDecoder(), s); note != nil {
		return s, fmt.Errorf("the text is not in its charset, %s: %w", c.label, note)
	}
	if strings.ContainsRune(decoded, utf8.RuneError) {
		note = fmt.Errorf("the text has bytes that are not characters of its charset, %s; data has U+FFFD there", c.label)
	}
	return decoded, note
}

// isPlainASCII reports whether s is the same in all charsets of forms. ISO-2022-JP has escape sequences.
func isPlainASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || s[i] == '\x1b' {
			return false
		}
	}
	return true
}
