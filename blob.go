package beacon

import (
	"encoding/json"
	"strings"
)

// A Blob is bytes with a media type (File API, "Blob").
type Blob struct {
	Data []byte
	Type string // such as "application/json"; "" sends no Content-Type

	err error // why there are no bytes
}

// JSON is v in JSON, as a Blob of the type application/json. What can't be written in
// JSON is a [*TypeError] when the blob is sent.
func JSON(v any) Blob {
	data, err := json.Marshal(v)
	if err != nil {
		return Blob{err: typeErrorf("data can't be written in JSON: %v", err)}
	}
	return Blob{Data: data, Type: "application/json"}
}

// contentType is the blob's type as its constructor would keep it: in lower case, and
// none if it has a character outside U+0020 to U+007E.
func (b *Blob) contentType() string {
	for i := range len(b.Type) {
		if c := b.Type[i]; c < 0x20 || c > 0x7e {
			return ""
		}
	}
	return strings.ToLower(b.Type)
}
