package beacon

import (
	"encoding/json"
	"strings"
)

// A Blob is bytes with a media type (File API, "Blob").
type Blob struct {
	Data []byte
	Type string // such as "application/json"; "" sends no Content-Type

	err error // why v of JSON can't be encoded
}

// JSON returns a Blob of the type application/json with v in JSON. If v can't be encoded, Send returns a [*TypeError].
func JSON(v any) Blob {
	data, err := json.Marshal(v)
	if err != nil {
		return Blob{err: typeErrorf("data can't be written in JSON: %v", err)}
	}
	return Blob{Data: data, Type: "application/json"}
}

// contentType returns the type as the constructor of the File API would keep it: in lower case, and "" if it has a
// character outside U+0020 to U+007E.
func (b *Blob) contentType() string {
	for i := range len(b.Type) {
		if c := b.Type[i]; c < 0x20 || c > 0x7e {
			return ""
		}
	}
	return strings.ToLower(b.Type)
}
