package outbox

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"golang.org/x/net/http/httpguts"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// KeyHeader is the header with the beacon's id. It is that of the package deliver, which does not build for js.
const KeyHeader = "Idempotency-Key"

// DefaultUserAgent is the User-Agent of a beacon without another one.
const DefaultUserAgent = "beacon-go"

// reserved are the headers that say what the request is, or belong to the connection (Fetch, "forbidden
// request-header").
var reserved = map[string]bool{
	"Host": true, "Content-Length": true, "Content-Type": true, KeyHeader: true, "User-Agent": true,
	"Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Expect": true,
}

// CheckHeader returns an error if a beacon can't have this header besides those that it sets itself.
func CheckHeader(h http.Header) error {
	size := 0
	for name, values := range h {
		switch {
		case reserved[http.CanonicalHeaderKey(name)]:
			return fmt.Errorf("the header %s is set by the beacon itself: leave it out", name)
		case !fetchrules.IsToken(name):
			return fmt.Errorf("%q is not the name of a header", name)
		}
		for _, v := range values {
			// The value may be a secret, and stays out of the message.
			if !httpguts.ValidHeaderFieldValue(v) {
				return fmt.Errorf("the header %s has a value that no header can have", name)
			}
			size += len(name) + len(v)
		}
	}
	if size > MaxHeader {
		return fmt.Errorf("the header has %d bytes: servers take no more than %d, and most less", size, MaxHeader)
	}
	return nil
}

// CheckUserAgent returns an error if a header can't have the value.
func CheckUserAgent(value string) error {
	if !httpguts.ValidHeaderFieldValue(value) {
		return errors.New("the User-Agent can't be a header's value")
	}
	return nil
}

// AppendHeader appends a header that was checked, a User-Agent, and the Content-Type if there is one.
func AppendHeader(fields warc.Fields, userAgent, contentType string, h http.Header) warc.Fields {
	fields = append(fields, warc.Field{Name: "User-Agent", Value: userAgent})
	if contentType != "" {
		fields = append(fields, warc.Field{Name: "Content-Type", Value: contentType})
	}
	for _, name := range slices.Sorted(maps.Keys(h)) { // beacons with the same header in another order have another lane
		for _, v := range h[name] {
			fields = append(fields, warc.Field{Name: name, Value: fetchrules.NormalizeValue(v)})
		}
	}
	return fields
}
