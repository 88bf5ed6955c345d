package table

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A path selects one value in JSON. Its syntax is DuckDB's: $.a."b c"[0][#-1], or a JSON pointer
// (RFC 6901) such as /a/b/0.
type path []step

// A step selects a member of an object or an element of an array. A step of a JSON pointer can select
// both.
type step struct {
	key     string
	index   int // of an element
	object  bool
	array   bool
	fromEnd bool // index 1 is the last element
}

var (
	errPath     = errors.New(`write it like $.metrics.lcp, $.a[0], $."a b" or /metrics/lcp`)
	errManyPath = errors.New("it selects many fields: remove .. and *")
)

func parsePath(text string) (path, error) {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return nil, errPath
	case strings.HasPrefix(text, "/"):
		return parsePointer(text)
	case !strings.HasPrefix(text, "$"):
		return nil, errPath
	}
	var p path
	for text = text[1:]; text != ""; {
		var s step
		var err error
		switch text[0] {
		case '.':
			s, text, err = parseKey(text[1:])
		case '[':
			s, text, err = parseIndex(text[1:])
		default:
			err = errPath
		}
		if err != nil {
			return nil, err
		}
		p = append(p, s)
	}
	return p, nil
}

// parseKey parses what follows a dot.
func parseKey(text string) (s step, rest string, err error) {
	key := text
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		if key, rest, ok = cutQuoted(quoted); !ok {
			return step{}, "", errPath
		}
	} else if i := strings.IndexAny(text, ".["); i >= 0 {
		key, rest = text[:i], text[i:]
	}
	switch {
	case key == "*" || strings.HasPrefix(text, ".") || strings.HasPrefix(text, "*"):
		return step{}, "", errManyPath // for DuckDB "*" in quotes is a wildcard too
	case key == "":
		return step{}, "", errPath
	}
	return step{key: key, object: true}, rest, nil
}

// cutQuoted splits text after its closing quote. A backslash quotes " and \.
func cutQuoted(text string) (key, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], true
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

// parseIndex parses what follows an opening bracket.
func parseIndex(text string) (s step, rest string, err error) {
	digits, rest, ok := strings.Cut(text, "]")
	if digits == "*" {
		return step{}, "", errManyPath
	}
	fromEnd := strings.HasPrefix(digits, "#-") || strings.HasPrefix(digits, "-")
	digits = strings.TrimPrefix(strings.TrimPrefix(digits, "#"), "-")
	index, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil || !fromEnd && text[0] == '#' {
		return step{}, "", errPath
	}
	// For DuckDB [-0] is [0].
	return step{index: int(index), array: true, fromEnd: fromEnd && index > 0}, rest, nil
}

func parsePointer(text string) (p path, err error) {
	for _, token := range strings.Split(text[1:], "/") {
		key := strings.NewReplacer("~0", "~", "~1", "/").Replace(token)
		if strings.Count(token, "~") != strings.Count(token, "~0")+strings.Count(token, "~1") {
			return nil, errors.New("write ~0 for ~ and ~1 for / in a name")
		}
		index, err := strconv.ParseUint(token, 10, 31)
		isIndex := err == nil && token == strconv.FormatUint(index, 10)
		p = append(p, step{key: key, index: int(index), object: true, array: isIndex})
	}
	return p, nil
}

// find returns the value as it is written in data, or nil if data does not have it. It reads data only
// up to the value's end.
func (p path) find(data []byte) []byte {
	i := skipSpace(data, 0)
	for _, s := range p {
		switch {
		case i < len(data) && data[i] == '{' && s.object:
			i = member(data, i, s.key)
		case i < len(data) && data[i] == '[' && s.array:
			index := s.index
			if s.fromEnd {
				n, _ := element(data, i, -1)
				if index = n - index; index < 0 {
					return nil
				}
			}
			_, i = element(data, i, index)
		default:
			return nil
		}
		if i < 0 {
			return nil
		}
	}
	return data[i:skipValue(data, i)]
}

// member returns the offset of the value of the first member with the key in the object at i, or -1.
func member(data []byte, i int, key string) int {
	i = skipSpace(data, i+1)
	for i < len(data) && data[i] == '"' {
		end := skipString(data, i)
		name := data[i+1 : max(end-1, i+1)]
		if i = skipSpace(data, end); i < len(data) && data[i] == ':' {
			i = skipSpace(data, i+1)
		}
		if isKey(name, key) {
			return i
		}
		if i = skipSpace(data, skipValue(data, i)); i >= len(data) || data[i] != ',' {
			break
		}
		i = skipSpace(data, i+1)
	}
	return -1
}

// isKey reports whether a member's name, with its escapes, is key.
func isKey(name []byte, key string) bool {
	switch {
	case len(name) < len(key): // an escape is longer than its character
		return false
	case len(name) == len(key):
		return string(name) == key && strings.IndexByte(key, '\\') < 0
	case bytes.IndexByte(name, '\\') < 0:
		return false
	}
	return string(appendUnescaped(nil, name)) == key
}

// element returns the offset of the element with the index in the array at i. Without such an element
// it returns the number of elements and -1.
func element(data []byte, i, index int) (n, at int) {
	i = skipSpace(data, i+1)
	for i < len(data) && data[i] != ']' {
		if n == index {
			return n, i
		}
		n++
		if i = skipSpace(data, skipValue(data, i)); i >= len(data) || data[i] != ',' {
			break
		}
		i = skipSpace(data, i+1)
	}
	return n, -1
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' {
		i++
	}
	return i
}

// skipValue returns the end of the value at i.
func skipValue(data []byte, i int) int {
	for depth := 0; i < len(data); {
		switch c := data[i]; {
		case c == '"':
			i = skipString(data, i)
		case c == '{' || c == '[':
			depth++
			i++
		case depth > 0:
			if c == '}' || c == ']' {
				depth--
			}
			i++
		default:
			for i < len(data) && !endsLiteral(data[i]) {
				i++
			}
			return i
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

func endsLiteral(c byte) bool { return c <= ' ' || c == ',' || c == ']' || c == '}' || c == ':' }

// skipString returns the end of the string at i.
func skipString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(data)
}

// appendUnescaped appends the text of a JSON string without its quotes.
func appendUnescaped(dst, inner []byte) []byte {
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 || i+1 == len(inner) {
			return append(dst, inner...)
		}
		dst = append(dst, inner[:i]...)
		c := inner[i+1]
		inner = inner[i+2:]
		switch at := strings.IndexByte("bfnrt", c); {
		case c == 'u':
			r := hex4(inner)
			inner = inner[min(4, len(inner)):]
			if utf16.IsSurrogate(r) && len(inner) >= 6 {
				r = utf16.DecodeRune(r, hex4(inner[2:]))
				inner = inner[6:]
			}
			dst = utf8.AppendRune(dst, r)
		case at >= 0:
			dst = append(dst, "\b\f\n\r\t"[at])
		default:
			dst = append(dst, c)
		}
	}
}

// hex4 returns the number that text begins with, or -1.
func hex4(text []byte) rune {
	if len(text) < 4 {
		return -1
	}
	n, err := strconv.ParseUint(string(text[:4]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
