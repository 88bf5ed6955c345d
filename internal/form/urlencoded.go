package form

// AppendURLEncoded is URL, "application/x-www-form-urlencoded serializing", of one pair more.
// It differs from url.Values.Encode in the characters * and ~.
func AppendURLEncoded(b []byte, name, value string) []byte {
	if len(b) > 0 {
		b = append(b, '&')
	}
	return percentEncode(append(percentEncode(b, name), '='), value)
}

func percentEncode(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
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
