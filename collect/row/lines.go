package row

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// isNDJSON reports whether a MIME type is one of sequences of JSON values.
func isNDJSON(essence string) bool {
	switch essence {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines",
		"application/x-jsonlines", "application/json-lines", "application/x-json-stream", "application/stream+json", "application/json-seq",
		"text/jsonl", "text/x-ndjson":
		return true
	}
	return strings.HasSuffix(essence, "+json-seq") // RFC 8091
}

// lines returns the lines of text that aren't blank, at most maxMembers+1. Those of a JSON text sequence (RFC 7464) are
// its records, of which one that is JSON may have several lines.
func lines(text []byte) (all []json.RawMessage) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !isSequence(text) {
		return appendLines(nil, text)
	}
	for record := range bytes.SplitSeq(text, []byte{'\x1e'}) {
		if record = bytes.Trim(record, space); bytes.IndexByte(record, '\n') < 0 {
			all = appendLine(all, record)
		} else if _, err := validJSON(record); err == nil {
			all = append(all, record)
		} else {
			all = appendLines(all, record)
		}
		if len(all) > maxMembers {
			break
		}
	}
	return all
}

// isSequence reports whether text begins with the separator of a JSON text sequence.
func isSequence(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, space), []byte{'\x1e'})
}

func appendLines(all []json.RawMessage, text []byte) []json.RawMessage {
	for line := range bytes.Lines(text) {
		if all = appendLine(all, line); len(all) > maxMembers {
			break
		}
	}
	return all
}

func appendLine(all []json.RawMessage, line []byte) []json.RawMessage {
	if line = bytes.Trim(line, space+"\x1e"); len(line) > 0 {
		all = append(all, line)
	}
	return all
}

// array decodes lines and returns them as an array. The error may be a note beside the data.
func array(all []json.RawMessage, decode func(line []byte) (json.RawMessage, error)) (json.RawMessage, error) {
	if len(all) > maxMembers {
		return nil, fmt.Errorf("the body has more than %d lines", maxMembers)
	}
	data := []byte{'['}
	var notes []error
	for i, line := range all {
		value, err := decode(line)
		if err != nil {
			err = fmt.Errorf("line %d: %w", i+1, err)
		}
		if value == nil {
			return nil, err
		}
		notes = append(notes, err)
		if i > 0 {
			data = append(data, ',')
		}
		if data = append(data, value...); len(data) > maxData {
			return nil, fmt.Errorf("the lines have more than %d bytes of data", maxData)
		}
	}
	return append(data, ']'), joined(notes...)
}

// jsonLines returns the lines of JSON objects or arrays of a body without a label as an array, and nil for any other
// body. One line is not enough, except in a JSON text sequence. The error is a note beside the data.
func jsonLines(body []byte) (data json.RawMessage, note error) {
	text := bytes.TrimPrefix(body, []byte("\ufeff"))
	least := 1
	if !isSequence(text) {
		least = 2
		if first, _, _ := bytes.Cut(bytes.TrimLeft(text, space), []byte("\n")); !isJSON(first) {
			return nil, nil
		}
	}
	all := lines(text)
	other := func(line json.RawMessage) bool { return line[0] != '{' && line[0] != '[' }
	if len(all) < least || slices.ContainsFunc(all, other) {
		return nil, nil
	}
	if data, note = array(all, decodeJSON); data == nil {
		return nil, nil
	}
	return data, note
}

// hasFormLines reports whether each of several lines of a body is a form. Analytics libraries send several events so.
func hasFormLines(body []byte) bool {
	if !bytes.Contains(bytes.TrimRight(body, space), []byte("\n")) {
		return false
	}
	for line := range bytes.Lines(body) {
		if line = bytes.Trim(line, space); len(line) > 0 && !isForm(line) {
			return false
		}
	}
	return true
}

// decodeFormLines returns an object for each line. The query has the fields that the lines have in common.
func decodeFormLines(from source, query string) (json.RawMessage, error) {
	common, err := commonFields(query)
	if err != nil {
		return nil, err
	}
	data, err := array(lines(from.text), func(line []byte) (json.RawMessage, error) { return common.with(line, from.charset) })
	return data, joined(append(common.notes, err)...)
}

// commonFields returns the fields of the query of lines.
func commonFields(query string) (*object, error) {
	var o object
	err := o.addForm(query, charset{})
	return &o, err
}

// with returns the fields of a line, and those of the query that the line does not have.
func (common *object) with(line []byte, c charset) (json.RawMessage, error) {
	own := object{spent: common.spent}
	if err := own.addForm(string(line), c); err != nil {
		return nil, err
	}
	common.spent = own.spent
	var all object
	for _, o := range []*object{common, &own} {
		for _, name := range o.names {
			if o == common && own.values[name] != nil {
				continue
			}
			for _, value := range o.values[name] {
				if err := all.add(name, value); err != nil {
					return nil, err
				}
			}
		}
	}
	return all.json(), joined(own.notes...)
}
