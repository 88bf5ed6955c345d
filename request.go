package beacon

import (
	"cmp"
	"io"
	"maps"
	"net/http"

	"github.com/google/uuid"
	"golang.org/x/net/http/httpguts"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

// SendRequest queues a request with its method, URL, header and body. Its Idempotency-Key, if it has one, is kept.
// The headers of the connection, such as Connection, are not. [Config.Header] adds headers that the request lacks. The
// body is closed, even after an error. The request's context is ignored.
//
// The errors are those of [Sender.Send]. A [*TypeError] also reports a request that can't be kept: with a Host that is
// not its URL's, trailers, the header Expect or Upgrade, the method CONNECT, or what is not valid in HTTP.
func (s *Sender) SendRequest(r *http.Request) error {
	body, err := readBody(r, s.config.MaxBody)
	closeBody(r)
	if err != nil {
		return wrap("send", err)
	}
	_, err = s.sendRequest(r, body)
	return err
}

// readBody returns the body of a request. If it has more than limit bytes, the error wraps ErrTooLarge, and body has
// what was read of it.
func readBody(r *http.Request, limit int64) (body []byte, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge("body", r.ContentLength, limit)
	}
	body, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch n := int64(len(body)); {
	case err != nil:
	case n > limit:
		err = tooLarge("body", n, limit)
	case r.ContentLength > 0 && n != r.ContentLength:
		err = typeErrorf("the request has the ContentLength %d and a body of %d bytes", r.ContentLength, n)
	}
	return body, err
}

// sendRequest queues a request whose body was read.
func (s *Sender) sendRequest(r *http.Request, body []byte) (id uuid.UUID, err error) {
	if err := checkRequest(r); err != nil {
		return id, err
	}
	header := maps.Clone(s.config.Header)
	maps.Copy(header, canonical(r.Header))
	agent, contentType, key := cmp.Or(header.Get("User-Agent"), s.agent), header.Get("Content-Type"), header.Get(outbox.KeyHeader)
	for _, name := range []string{"User-Agent", "Content-Type", outbox.KeyHeader, "Content-Length", "Connection", "Host"} {
		header.Del(name)
	}
	if err := outbox.CheckHeader(header); err != nil {
		return id, typeErrorf("%v", err)
	}
	if err := outbox.CheckUserAgent(agent); err != nil {
		return id, typeErrorf("%v", err)
	}
	if !httpguts.ValidHeaderFieldValue(contentType) {
		return id, typeErrorf("the Content-Type can't be a header's value")
	}
	if !httpguts.ValidHeaderFieldValue(key) {
		return id, typeErrorf("the Idempotency-Key can't be a header's value")
	}
	return s.send(request{method: cmp.Or(r.Method, http.MethodGet), url: r.URL.String(), agent: agent, contentType: contentType, key: key, header: header, body: body})
}

// checkRequest returns a TypeError for a request that can't be sent later.
func checkRequest(r *http.Request) error {
	switch {
	case r.URL == nil || r.URL.Host == "":
		return typeErrorf("the request has no absolute URL")
	case r.Host != "" && r.Host != r.URL.Host:
		return typeErrorf("the request has the Host %q, which is not its URL's", r.Host)
	case len(r.Trailer) > 0:
		return typeErrorf("a request with trailers can't be kept")
	case r.Header.Get("Expect") != "" || r.Header.Get("Upgrade") != "":
		return typeErrorf("a request with the header Expect or Upgrade can't be kept")
	case r.Method == http.MethodConnect || r.Method != "" && !fetchrules.IsToken(r.Method):
		return typeErrorf("a request with the method %q can't be kept", r.Method)
	}
	return nil
}
