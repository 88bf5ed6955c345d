package beacon

import (
	"net/http"

	"golang.org/x/net/http/httpguts"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// notYours are the headers that say what the request is, or belong to the connection
// (Fetch, "forbidden request-header").
var notYours = map[string]bool{
	"Host": true, "Content-Length": true, "Content-Type": true, "Idempotency-Key": true, "User-Agent": true,
	"Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Expect": true,
}

// maxHeader is the most bytes that a caller's header, or a URL, can have.
const maxHeader = 64 << 10

// header appends the navigator's own header to fields, and the Content-Type, if there is one.
func (n *Navigator) header(fields warc.Fields, contentType string) (warc.Fields, error) {
	agent := "beacon-go"
	if n.UserAgent != "" {
		agent = n.UserAgent
		if !httpguts.ValidHeaderFieldValue(agent) {
			return fields, typeErrorf("the User-Agent %q can't be a header's value", agent)
		}
	}
	fields = append(fields, warc.Field{Name: "User-Agent", Value: agent})
	if contentType != "" {
		fields = append(fields, warc.Field{Name: "Content-Type", Value: contentType})
	}
	size := 0
	for name, values := range n.Header {
		if notYours[http.CanonicalHeaderKey(name)] {
			return fields, typeErrorf("the header %s is set by the beacon itself: leave it out of Navigator.Header", name)
		}
		if !fetchrules.IsToken(name) {
			return fields, typeErrorf("%q is not the name of a header", name)
		}
		for _, v := range values {
			// The value may be a secret, and stays out of the message.
			if !httpguts.ValidHeaderFieldValue(v) {
				return fields, typeErrorf("the header %s has a value that no header can have", name)
			}
			fields = append(fields, warc.Field{Name: name, Value: fetchrules.NormalizeValue(v)})
			size += len(name) + len(v)
		}
	}
	if size > maxHeader {
		return fields, typeErrorf("the header has %d bytes: servers take no more than %d, and most less", size, maxHeader)
	}
	return fields, nil
}
