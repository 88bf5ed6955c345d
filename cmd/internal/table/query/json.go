package query

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// The functions here append a value as encoding/json writes it without HTML escapes.

func appendBool(dst []byte, v bool) []byte   { return strconv.AppendBool(dst, v) }
func appendInt(dst []byte, v int64) []byte   { return strconv.AppendInt(dst, v, 10) }
func appendUint(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) }
func appendRaw(dst, text []byte) []byte      { return append(dst, text...) }

// appendFloat writes NaN and the infinities, which JSON does not have, as strings.
func appendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	}
	format, size := byte('f'), math.Abs(v)
	if size != 0 && (bits == 64 && (size < 1e-6 || size >= 1e21) || bits == 32 && (float32(size) < 1e-6 || float32(size) >= 1e21)) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, v, format, -1, bits)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst = append(dst[:n-2], dst[n-1]) // e-09 is e-9
	}
	return dst
}

// appendString appends text as a string.
func appendString(dst, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return appendOddString(dst, text)
		}
	}
	return append(append(append(dst, '"'), text...), '"')
}

// appendOddString appends text that needs escapes or is not ASCII.
func appendOddString(dst, text []byte) []byte {
	b := bytes.NewBuffer(dst)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	e.Encode(string(text)) // no string fails
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// appendJSON appends JSON without white space, or a string if text is not JSON.
func appendJSON(dst, text []byte) []byte {
	b := bytes.NewBuffer(dst)
	if json.Compact(b, text) != nil {
		return appendString(dst, text)
	}
	return b.Bytes()
}

// appendBlob appends bytes as a string if they are UTF-8, as most bodies are. Other bytes are an object,
// {"base64":"…"}.
func appendBlob(dst, b []byte) []byte {
	if utf8.Valid(b) {
		return appendString(dst, b)
	}
	dst = append(dst, `{"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, `"}`...)
}

// appendTime appends a time such as "2026-11-22 06:20:11.5+02" in the format of RFC 3339. offset is for a
// text that has none. A time outside of RFC 3339, such as infinity, is not changed.
func appendTime(dst, text []byte, offset string) []byte {
	const seconds = len("2026-11-22 06:20:11")
	if len(text) < seconds || text[4] != '-' || text[10] != ' ' || bytes.Contains(text, []byte("BC")) {
		return appendString(dst, text)
	}
	clock := text[11:]
	if at := bytes.LastIndexAny(clock, "+-"); at >= 0 {
		clock, offset = clock[:at], string(clock[at:])
		if len(offset) == len("+02") {
			offset += ":00"
		}
		if offset == "+00:00" {
			offset = "Z"
		}
	}
	dst = append(append(append(dst, '"'), text[:10]...), 'T')
	return append(append(append(dst, clock...), offset...), '"')
}

// quoteNonFinite quotes NaN, Infinity and -Infinity, which to_json writes without quotes.
func quoteNonFinite(s []byte) []byte {
	if json.Valid(s) {
		return s
	}
	var b bytes.Buffer
	for i := 0; i < len(s); {
		n := 1
		switch s[i] {
		case '"':
			for i+n < len(s) && s[i+n] != '"' {
				if s[i+n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(s)-i)
			b.Write(s[i : i+n])
		case 'N', 'I', '-':
			if n = bareword(s[i:]); n > 1 {
				b.WriteString(`"` + string(s[i:i+n]) + `"`)
				break
			}
			n = 1
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
		i += n
	}
	return b.Bytes()
}

func bareword(s []byte) int {
	for _, w := range [...]string{"NaN", "Infinity", "-Infinity", "-NaN"} {
		if bytes.HasPrefix(s, []byte(w)) {
			return len(w)
		}
	}
	return 0
}
