package row

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds the nesting of JSON, which engines and browsers parse by recursion.
const maxDepth = 100

// decodeJSON returns the body as it is: what the numbers look like and the order of the names are the sender's. Half
// a surrogate pair becomes U+FFFD; then the error is a note beside the data.
func decodeJSON(body []byte) (json.RawMessage, error) {
	data, err := validJSON(body)
	if err != nil {
		return nil, err
	}
	skipped := len(body) - len(data)
	data, at := mendSurrogates(data)
	if at >= 0 {
		err = fmt.Errorf("the JSON has half a surrogate pair at byte %d; data has U+FFFD there", skipped+at)
	}
	if at := hugeNumber(data); at >= 0 {
		err = joined(err, fmt.Errorf("the number at byte %d is too large for a double: it is NULL in a column of numbers", skipped+at))
	}
	return data, err
}

func validJSON(body []byte) (json.RawMessage, error) {
	const bom = "\ufeff" // may be ignored (RFC 8259, section 8.1)
	text := bytes.TrimPrefix(body, []byte(bom))
	skipped := len(body) - len(text)
	if at := invalidUTF8(text); at >= 0 {
		return nil, fmt.Errorf("the JSON is not UTF-8 at byte %d", skipped+at)
	}
	if at := tooDeep(text); at >= 0 {
		return nil, &depthError{skipped + at}
	}
	if len(text) == 0 {
		return nil, errors.New("the JSON is missing: the body is empty")
	}
	// This takes a third of the time of json.Valid.
	if jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return text, nil
	}
	var v json.RawMessage
	err := json.Unmarshal(text, &v)
	if err == nil {
		return text, nil
	}
	if syntax := new(json.SyntaxError); errors.As(err, &syntax) {
		return nil, fmt.Errorf("the JSON is broken near byte %d: %w", skipped+int(syntax.Offset), err)
	}
	return nil, fmt.Errorf("the JSON is broken: %w", err)
}

// A depthError is about JSON that is nested too deep.
type depthError struct{ at int }

func (e *depthError) Error() string {
	return fmt.Sprintf("the JSON is nested more than %d deep at byte %d", maxDepth, e.at)
}

// tooDeep returns the place of the bracket that goes too deep, or -1. Its result for text that is not JSON is
// unspecified.
func tooDeep(text []byte) int {
	if bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) <= maxDepth {
		return -1 // as for nearly all beacons
	}
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return i
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return -1
}

// hugeNumber returns the place of the first number that is too large for a double in valid JSON, or -1.
func hugeNumber(text []byte) int {
	for i := 0; i < len(text); {
		end := bytes.IndexByte(text[i:], '"')
		if end < 0 {
			end = len(text) - i
		}
		// Only what is between two strings can have numbers.
		if at := hugeIn(text[i : i+end]); at >= 0 {
			return i + at
		}
		i = afterString(text, i+end+1)
	}
	return -1
}

// afterString returns the place after the closing quote of a string of valid JSON whose characters begin at i.
func afterString(text []byte, i int) int {
	for i < len(text) {
		i += bytes.IndexByte(text[i:], '"') + 1
		backslashes := 0
		for text[i-2-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			break
		}
	}
	return i
}

// hugeIn is hugeNumber for JSON without strings.
func hugeIn(text []byte) int {
	if len(text) < 300 && bytes.IndexByte(text, 'e') < 0 && bytes.IndexByte(text, 'E') < 0 {
		return -1
	}
	for i := 0; i < len(text); i++ {
		if c := text[i]; c != '-' && (c < '0' || c > '9') {
			continue
		}
		n := 1
		for i+n < len(text) && strings.IndexByte("0123456789+-.eE", text[i+n]) >= 0 {
			n++
		}
		if _, err := strconv.ParseFloat(string(text[i:i+n]), 64); err != nil {
			return i
		}
		i += n
	}
	return -1
}

// mendSurrogates replaces each escape of half a surrogate pair by \ufffd in JSON that is valid otherwise. at is the
// place of the first one, or -1. Scripts make them when they cut a string between the halves of an emoji.
func mendSurrogates(text []byte) (mended []byte, at int) {
	mended, at = text, -1
	for i := 0; i < len(text); {
		next := bytes.IndexByte(text[i:], '\\')
		if next < 0 {
			break
		}
		i += next
		unit, ok := escapedUnit(text[i:])
		switch {
		case !ok:
			i += 2 // another escape
			continue
		case unit < 0xd800 || unit > 0xdfff:
			i += 6
			continue
		case unit < 0xdc00:
			if low, ok := escapedUnit(text[i+6:]); ok && low >= 0xdc00 && low <= 0xdfff {
				i += 12
				continue
			}
		}
		if at < 0 {
			mended, at = bytes.Clone(text), i
		}
		copy(mended[i+2:], "fffd")
		i += 6
	}
	return mended, at
}

// escapedUnit returns the code unit of an escape such as \u00e4 at the beginning of b.
func escapedUnit(b []byte) (unit rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		value := digit(c)
		if value < 0 {
			return 0, false
		}
		unit = unit<<4 | rune(value)
	}
	return unit, true
}
