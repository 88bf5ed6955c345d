package table

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// scalar returns the text of a string, and any other value as it is written. Only -0 becomes 0, since
// DuckDB has no negative zero as an integer.
func scalar(value []byte) []byte {
	switch {
	case value[0] == '"':
		inner := value[1:max(len(value)-1, 1)]
		if bytes.IndexByte(inner, '\\') < 0 {
			return inner
		}
		return appendUnescaped(make([]byte, 0, len(inner)), inner)
	case string(value) == "-0":
		return value[1:]
	}
	return value
}

// toDouble parses a number, with or without white space around it.
func toDouble(text []byte) (float64, bool) {
	text = trimSpace(text)
	if len(text) > 0 && text[0] == '+' {
		text = text[1:]
	}
	if !isNumber(text) {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil
}

// timestampForm is a regular expression of a time of RFC 3339, with the offsets that are in use. DuckDB's cast alone
// takes other forms too, and some depend on the session's time zone.
const timestampForm = `[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])`

var isTimestamp = regexp.MustCompile(`^(?:` + timestampForm + `)$`)

// toTimestamp returns the microseconds since 1970 of a time, or of a number of seconds, milliseconds or microseconds.
func toTimestamp(text []byte) (int64, bool) {
	if isTimestamp.Match(text) {
		t, err := time.Parse(time.RFC3339Nano, string(text[:10])+"T"+string(text[11:]))
		return t.UnixMicro(), err == nil
	}
	n, ok := toDouble(text)
	switch size := math.Abs(n); {
	case !ok || size >= 1e17:
		return 0, false
	case size < 1e11:
		n *= 1e6
	case size < 1e14:
		n *= 1e3
	}
	return int64(math.Round(n)), true
}

func trimSpace(text []byte) []byte { return bytes.Trim(text, " \t\n\v\f\r") }

// isNumber reports whether text is a decimal number: as in JSON, but with leading zeros allowed, and
// with digits on at least one side of the point.
func isNumber(text []byte) bool {
	i := 0
	digits := func() int {
		from := i
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		return i - from
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	n := digits()
	if i < len(text) && text[i] == '.' {
		i++
		n += digits()
	}
	if n == 0 {
		return false
	}
	if i < len(text) && text[i]|' ' == 'e' {
		if i++; i < len(text) && (text[i] == '-' || text[i] == '+') {
			i++
		}
		if digits() == 0 {
			return false
		}
	}
	return i == len(text)
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// toBigint returns the rounded number of a value.
func toBigint(value []byte) (int64, bool) {
	// DuckDB converts a number with a fraction or an exponent to a double, and casts the double's text.
	var buf [32]byte
	text := scalar(value)
	if value[0] != '"' && isReal(value) {
		text = appendNumber(buf[:0], value)
	}
	if _, ok := toDouble(text); !ok {
		return 0, false
	}
	text = trimSpace(text)
	if text[0] == '+' {
		if text = text[1:]; text[0] == '-' {
			return 0, false
		}
	}
	return castInteger(text)
}

// castInteger rounds a decimal number by its first decimal. It computes like DuckDB, whose result is
// not exact for a number with an exponent and more than 18 decimals.
func castInteger(text []byte) (int64, bool) {
	sign := int64(1)
	if text[0] == '-' {
		sign, text = -1, text[1:]
	}
	var whole, fraction int64
	var decimals uint16
	i, ok := 0, true
	for ; i < len(text) && isDigit(text[i]); i++ {
		if whole, ok = shift(whole, sign*int64(text[i]-'0')); !ok {
			return 0, false
		}
	}
	if i < len(text) && text[i] == '.' {
		for i++; i < len(text) && isDigit(text[i]); i++ {
			if next, ok := shift(fraction, int64(text[i]-'0')); ok {
				fraction = next
				decimals++
			}
		}
	}
	if i < len(text) {
		exponent, err := strconv.ParseInt(string(text[i+1:]), 10, 16)
		if err != nil {
			return 0, false
		}
		if whole, fraction, decimals, ok = scale(whole, fraction, decimals, int16(exponent), sign); !ok {
			return 0, false
		}
	}
	for fraction > 10 {
		fraction /= 10
		decimals--
	}
	if decimals == 1 && fraction >= 5 {
		return add(whole, sign)
	}
	return whole, true
}

// scale multiplies whole.fraction by a power of ten. decimals is the number of digits of fraction. sign
// is the sign of whole; fraction has none.
func scale(whole, fraction int64, decimals uint16, exponent int16, sign int64) (int64, int64, uint16, bool) {
	if exponent < 0 {
		for ; exponent < 0; exponent++ {
			whole, fraction = whole/10, sign*(whole%10)
			if whole == 0 && fraction == 0 {
				break
			}
		}
		return whole, fraction, 1, true
	}
	ok := true
	for e := exponent; whole != 0 && e > 0; e-- {
		if whole, ok = shift(whole, 0); !ok {
			return 0, 0, 0, false
		}
	}
	if fraction == 0 {
		return whole, 0, decimals, true
	}
	var rest int64
	e := exponent - int16(decimals)
	if e < -maxDigits {
		e, fraction = 0, 0
	}
	power := int64(1)
	for ; e < 0; e++ {
		power *= 10
	}
	fraction, rest = fraction/power, fraction%power
	for ; e > 0; e-- {
		if fraction, ok = shift(fraction, 0); !ok {
			return 0, 0, 0, false
		}
	}
	whole, ok = add(whole, sign*fraction)
	return whole, rest, decimals - uint16(exponent), ok
}

const maxDigits = 19 // of an int64

// shift returns 10n + digit, or false on overflow.
func shift(n, digit int64) (int64, bool) {
	if n > math.MaxInt64/10 || n < math.MinInt64/10 {
		return 0, false
	}
	return add(10*n, digit)
}

// add returns a + b, or false on overflow.
func add(a, b int64) (int64, bool) {
	c := a + b
	return c, (c > a) == (b > 0)
}

// isReal reports whether a JSON value is a number with a fraction or an exponent.
func isReal(value []byte) bool {
	return (value[0] == '-' || isDigit(value[0])) && bytes.ContainsAny(value, ".eE")
}

// toBoolean returns the boolean that DuckDB casts text to.
func toBoolean(text []byte) (value, ok bool) {
	if len(text) > len("false") {
		return false, false
	}
	switch strings.ToLower(string(text)) {
	case "true", "t", "yes", "y", "1":
		return true, true
	case "false", "f", "no", "n", "0":
		return false, true
	}
	return false, false
}

// appendCompact appends a value as DuckDB writes JSON: without white space, with the fewest escapes, and
// with numbers as appendNumber writes them.
func appendCompact(dst, value []byte) []byte {
	for i := 0; i < len(value); {
		switch c := value[i]; {
		case c == '"':
			end := skipString(value, i)
			dst = appendQuoted(dst, scalar(value[i:end]))
			i = end
		case c == '-' || isDigit(c):
			end := i
			for end < len(value) && !endsLiteral(value[end]) {
				end++
			}
			dst = appendNumber(dst, value[i:end])
			i = end
		default:
			if c > ' ' {
				dst = append(dst, c)
			}
			i++
		}
	}
	return dst
}

// appendNumber appends a number as DuckDB writes it. An integer, and a number that is too large for a
// double, are not changed.
func appendNumber(dst, number []byte) []byte {
	if !isReal(number) {
		return append(dst, scalar(number)...)
	}
	f, err := strconv.ParseFloat(string(number), 64)
	if err != nil {
		return append(dst, number...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		mantissa, exponent, _ := bytes.Cut(strconv.AppendFloat(nil, f, 'e', -1, 64), []byte("e"))
		dst = append(append(dst, mantissa...), 'e')
		if exponent[0] == '-' {
			dst = append(dst, '-')
		}
		return append(dst, bytes.TrimLeft(exponent, "+-0")...)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendQuoted appends text as a JSON string.
func appendQuoted(dst, text []byte) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case strings.IndexByte("\b\f\n\r\t", c) >= 0:
			dst = append(dst, '\\', "btn?fr"[c-'\b'])
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(dst, '"')
}
