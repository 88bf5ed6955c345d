package beacon

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// notYours are the headers that say what the request is, or belong to the connection
// (Fetch, "forbidden request-header").
var notYours = map[string]bool{
	"Host": true, "Content-Length": true, "Content-Type": true, "Idempotency-Key": true, "User-Agent": true,
	"Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Expect": true,
}

// header is the request's header. The first three values are the record's to fill in.
func (n *Navigator) header(contentType string) (warc.Fields, error) {
	agent := n.UserAgent
	if agent == "" {
		agent = "beacon-go"
	}
	fields := make(warc.Fields, 3, 5+len(n.Header))
	fields[0].Name, fields[1].Name, fields[2].Name = "Host", "Content-Length", "Idempotency-Key"
	fields = append(fields, warc.Field{Name: "User-Agent", Value: agent})
	if contentType != "" {
		fields = append(fields, warc.Field{Name: "Content-Type", Value: contentType})
	}
	if !httpguts.ValidHeaderFieldValue(agent) {
		return nil, typeErrorf("the User-Agent %q can't be a header's value", agent)
	}
	for name, values := range n.Header {
		if notYours[http.CanonicalHeaderKey(name)] {
			return nil, typeErrorf("the header %s is set by the beacon itself: leave it out of Navigator.Header", name)
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, typeErrorf("%q is not the name of a header", name)
		}
		for _, v := range values {
			// The value may be a secret, and stays out of the message.
			if !httpguts.ValidHeaderFieldValue(v) {
				return nil, typeErrorf("the header %s has a value that no header can have", name)
			}
			fields = append(fields, warc.Field{Name: name, Value: strings.Trim(v, " \t")})
		}
	}
	return fields, nil
}
