package beacon

import (
	"maps"
	"net/url"
	"slices"

	"github.com/seed-d051cf5a/beacon/internal/form"
)

// URLEncoded is the text of a URLSearchParams, for values whose order matters. [Sender.Send] encodes [url.Values]
// sorted by name.
type URLEncoded string

// urlEncode serializes the values, sorted by name.
func urlEncode(values url.Values) (b []byte) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			b = form.AppendURLEncoded(b, string(scalarValues(name)), string(scalarValues(value)))
		}
	}
	return b
}
