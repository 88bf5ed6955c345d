package row

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds the nesting of JSON, which engines and browsers parse by recursion.
const maxDepth = 100

// decodeJSON returns the body as it is: what the numbers look like and the order of
// the names are the sender's.
func decodeJSON(body []byte) (json.RawMessage, error) {
	const bom = "\ufeff" // RFC 8259, section 8.1: may be ignored
	text := bytes.TrimPrefix(body, []byte(bom))
	skipped := len(body) - len(text)
	if at := invalidUTF8(text); at >= 0 {
		return nil, fmt.Errorf("the JSON is not UTF-8 at byte %d", skipped+at)
	}
	if at := tooDeep(text); at >= 0 {
		return nil, fmt.Errorf("the JSON is nested more than %d deep at byte %d", maxDepth, skipped+at)
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

// tooDeep returns the place of the bracket that goes too deep, or -1. It may be wrong
// about what isn't JSON anyway.
func tooDeep(text []byte) int {
	if bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) <= maxDepth {
		return -1 // nearly always, and quickly seen
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
