package row

import "strings"

// A mimeType is a Content-Type, parsed as browsers do (MIME Sniffing, section 4.4)
// and not as mime.ParseMediaType does, which refuses some that they send or accept.
type mimeType struct {
	essence string // type/subtype in lower case, "" where it isn't one
	params  map[string]string
}

func parseMIME(s string) mimeType {
	essence, rest, _ := strings.Cut(s, ";")
	essence = strings.ToLower(strings.Trim(essence, space))
	if t, sub, ok := strings.Cut(essence, "/"); !ok || !isToken(t) || !isToken(sub) {
		return mimeType{}
	}
	m := mimeType{essence, map[string]string{}}
	for rest != "" {
		rest = strings.TrimLeft(rest, space)
		end := strings.IndexAny(rest, ";=")
		if end < 0 {
			break
		}
		name := strings.ToLower(rest[:end])
		if rest[end] == ';' {
			rest = rest[end+1:]
			continue
		}
		var value string
		if value, rest = rest[end+1:], ""; strings.HasPrefix(value, `"`) {
			value, rest = unquote(value)
			_, rest, _ = strings.Cut(rest, ";")
		} else {
			value, rest, _ = strings.Cut(value, ";")
			value = strings.TrimRight(value, space)
		}
		if _, has := m.params[name]; !has && isToken(name) {
			m.params[name] = value
		}
	}
	return m
}

const space = " \t\r\n"

// unquote reads the quoted string at the beginning of s. One without an end goes to
// the end of s. A backslash quotes only what needs it, because browsers send file names
// with bare ones (HTML, "multipart/form-data encoding algorithm").
func unquote(s string) (value, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			fallthrough
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func (m mimeType) isUTF8() bool {
	charset := m.params["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
