package beacon

import (
	"maps"
	"net/url"
	"slices"

	"github.com/seed-d051cf5a/beacon/internal/form"
)

// URLEncoded is the text of a URLSearchParams, for values whose order matters: SendBeacon
// sends url.Values in the order of their names.
type URLEncoded string

// urlEncode serializes the values, the names in order for want of another.
func urlEncode(values url.Values) (b []byte) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			b = form.AppendURLEncoded(b, string(scalarValues(name)), string(scalarValues(value)))
		}
	}
	return b
}
