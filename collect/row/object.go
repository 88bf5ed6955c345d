package row

import (
	"encoding/json"
	"fmt"
)

// maxFields bounds the fields of a form and the parts of a multipart body.
const maxFields = 1000

// An object is a JSON object of named fields, in the order of their first occurrence.
// A name that occurs more than once has all its values, as an array.
type object struct {
	names  []string
	values map[string][]json.RawMessage
	count  int
	notes  []error // about values that were mended
	spent  int     // bytes to which compressed values were inflated
}

var errTooManyFields = fmt.Errorf("the form has more than %d fields", maxFields)

// note adds a note, if it is not nil.
func (o *object) note(note error) {
	if note != nil {
		o.notes = append(o.notes, note)
	}
}

func (o *object) add(name string, value json.RawMessage) error {
	if o.count++; o.count > maxFields {
		return errTooManyFields
	}
	name = valid(name)
	if o.values == nil {
		o.values = map[string][]json.RawMessage{}
	}
	if _, has := o.values[name]; !has {
		o.names = append(o.names, name)
	}
	o.values[name] = append(o.values[name], value)
	return nil
}

func (o *object) json() json.RawMessage {
	b := []byte{'{'}
	for i, name := range o.names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, quote(name)...), ':')
		values := o.values[name]
		if len(values) == 1 {
			b = append(b, values[0]...)
			continue
		}
		for j, v := range values {
			b = append(append(b, "[,"[min(j, 1)]), v...)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}
