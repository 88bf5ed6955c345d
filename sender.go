package beacon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"

	"github.com/google/uuid"
	"golang.org/x/net/http/httpguts"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

// A Sender keeps beacons in an outbox and has them delivered. It is safe for concurrent use.
type Sender struct {
	config  Config
	agent   string // User-Agent
	invalid error  // of the Config of Start
	queue          // an outbox, in sender_outbox.go, or the browser, in sender_js.go
}

// A request is a beacon to be queued.
type request struct {
	method, url             string
	agent, contentType, key string      // User-Agent, Content-Type and Idempotency-Key, or ""
	header                  http.Header // the other headers, which were checked
	body                    []byte
}

// Open returns a sender. Beacons that earlier runs left in its outbox are delivered too. A program needs few
// senders: one for each Config. The error is a [*TypeError] for a Config that can't be used, or that of the
// directory. Close the sender when it is not used any more.
func Open(c Config) (*Sender, error) {
	s, err := newSender(c)
	if err != nil {
		return nil, err
	}
	if err := s.start(true); err != nil {
		return nil, err
	}
	return s, nil
}

func newSender(c Config) (*Sender, error) {
	c.Header = canonical(c.Header)
	if err := c.check(); err != nil {
		return nil, err
	}
	c.setDefaults()
	s := &Sender{config: c, agent: defaultAgent}
	if agent := c.Header.Get("User-Agent"); agent != "" {
		s.agent = agent
	}
	s.config.Header.Del("User-Agent")
	s.config.HeaderFile = maps.Clone(c.HeaderFile)
	s.queue.init(c.Dir)
	return s, nil
}

// disabled returns why sending is off, or nil.
func (s *Sender) disabled() error {
	if s.config.Disabled {
		return fmt.Errorf("%w: by Config.Disabled", ErrDisabled)
	}
	return outbox.Disabled()
}

// Send queues data to be sent to url, an absolute http or https URL, in a POST request (Beacon, "Processing
// Model"). When it returns nil, the beacon is in the outbox, from where it is delivered also after the end of
// this process. The data is copied during the call.
//
// The data is one of these, and has this Content-Type (Fetch, "extract a body"):
//
//	nil                          no body
//	string                       text/plain;charset=UTF-8
//	[]byte and other slices or   none; numbers are little-endian, as in a typed array
//	  arrays of int8…float64
//	Blob, *Blob                  its type, if it has one
//	JSON(v)                      application/json
//	FormData, *FormData          multipart/form-data
//	url.Values, URLEncoded       application/x-www-form-urlencoded;charset=UTF-8
//
// The error is a [*TypeError] for an invalid URL or data that can't be sent; it wraps [ErrFull], [ErrTooLarge],
// [ErrDoNotTrack], [ErrDisabled] or [ErrClosed]; or it is that of the disk. With [Config.Durable], a beacon
// whose fsync failed may be delivered although Send returned an error.
func (s *Sender) Send(url string, data any) error {
	body, contentType, err := ExtractBody(data)
	if err != nil {
		return err
	}
	_, err = s.send(request{
		method: http.MethodPost, url: url, agent: s.agent, contentType: contentType, header: s.config.Header, body: body,
	})
	return err
}

// SendRequest queues a request as it is: its method, URL, header and body. Its Idempotency-Key, if it has one,
// is kept. [Config.Header] adds headers that the request lacks. The body is closed, also after an error. The
// request's context does not count.
//
// The errors are those of [Sender.Send]. A [*TypeError] is also that of a request with a Host that is not its
// URL's, with trailers, or with the headers Expect or Upgrade.
func (s *Sender) SendRequest(r *http.Request) error {
	body, _, err := readBody(r, s.config.MaxBody)
	if r.Body != nil {
		r.Body.Close()
	}
	if err != nil {
		return wrap("send", err)
	}
	_, err = s.sendRequest(r, body)
	return err
}

// readBody returns the body of a request. If it has more than limit bytes, the error wraps ErrTooLarge, and read
// has what was read of it.
func readBody(r *http.Request, limit int64) (body, read []byte, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil, nil
	}
	if r.ContentLength > limit {
		return nil, nil, tooLarge("body", r.ContentLength, limit)
	}
	body, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, body, tooLarge("body", int64(len(body)), limit)
	}
	return body, nil, err
}

func tooLarge(what string, size, limit int64) error {
	return fmt.Errorf("%w: its %s has %d bytes, over the limit of %d: send less, or in several beacons", ErrTooLarge, what, size, limit)
}

// sendRequest queues a request whose body was read.
func (s *Sender) sendRequest(r *http.Request, body []byte) (id uuid.UUID, err error) {
	if err := checkRequest(r); err != nil {
		return id, err
	}
	header := maps.Clone(s.config.Header)
	if header == nil {
		header = http.Header{}
	}
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
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	return s.send(request{method: method, url: r.URL.String(), agent: agent, contentType: contentType, key: key, header: header, body: body})
}

// canonical returns a copy of a header with the names in canonical form, without those that have no values.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for name, values := range h {
		if len(values) > 0 {
			name = http.CanonicalHeaderKey(name)
			c[name] = append(c[name], values...)
		}
	}
	return c
}

// send queues a request whose size is within the limits. The id is zero in a browser, and if nothing was kept.
func (s *Sender) send(r request) (id uuid.UUID, err error) {
	switch {
	case s.invalid != nil:
		return id, s.invalid
	case len(r.url) > outbox.MaxHeader:
		return id, tooLarge("URL", int64(len(r.url)), outbox.MaxHeader)
	case int64(len(r.body)) > s.config.MaxBody:
		return id, tooLarge("body", int64(len(r.body)), s.config.MaxBody)
	}
	id, err = s.put(r)
	return id, wrap("send", err)
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
	case !httpguts.ValidHeaderFieldValue(r.Header.Get(outbox.KeyHeader)):
		return typeErrorf("the Idempotency-Key can't be a header's value")
	}
	return nil
}

// Flush waits until every beacon that this sender has queued has an outcome: it was delivered, or refused by
// its server, or it will never be. It is for programs that a child can't outlive, such as the first process of a
// container or a function in the cloud. The error wraps ctx's; the beacons that still wait stay in the outbox.
func (s *Sender) Flush(ctx context.Context) error {
	return wrap("flush", s.flush(ctx))
}

// Close closes the outbox and ends the goroutines of the sender. Beacons that wait stay in the outbox, for a
// detached deliverer or the next run. To wait for them, call Flush before. A second Close does nothing.
func (s *Sender) Close() error {
	return wrap("close", s.close())
}

// wrap adds the operation to an error that is not a TypeError.
func wrap(operation string, err error) error {
	if typeError := (*TypeError)(nil); err == nil || errors.As(err, &typeError) || errors.Is(err, ErrTooLarge) {
		return err
	}
	return fmt.Errorf("beacon: %s: %w", operation, err)
}
