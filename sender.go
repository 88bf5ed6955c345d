package beacon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

// A Sender keeps beacons in an outbox and arranges their delivery. [Open] and [Default] return one; the zero Sender
// can't be used. It is safe for concurrent use.
type Sender struct {
	config  Config
	agent   string // User-Agent
	invalid error  // of the Config that was passed to Start
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
// directory. Close a sender that is not used any more.
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
	if c.MaxBody <= 0 {
		c.MaxBody = maxBody
	}
	s := &Sender{config: c, agent: cmp.Or(c.Header.Get("User-Agent"), defaultAgent)}
	s.config.Header.Del("User-Agent")
	s.config.HeaderFile = maps.Clone(c.HeaderFile)
	s.queue.init(c.Dir)
	return s, nil
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

// errDisabled is the error of a sender with Config.Disabled.
var errDisabled = fmt.Errorf("%w: by Config.Disabled", ErrDisabled)

// Send queues data to be sent to url, an absolute http or https URL, in a POST request (Beacon standard, "Processing
// Model"). When it returns nil, the beacon is in the outbox, from where it is delivered even after the end of
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
// [ErrDoNotTrack], [ErrDisabled] or [ErrClosed]; or it comes from the disk. With [Config.Durable], a beacon
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

// send checks the sizes of a request and queues it. The id is zero in a browser, and if nothing was kept.
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

// Flush waits until every beacon that this sender has queued was delivered, refused or given up. It is for programs
// that a child can't outlive, such as the first process of a container or a function in the cloud. The error wraps
// that of ctx, or [ErrClosed]; the beacons that still wait stay in the outbox.
func (s *Sender) Flush(ctx context.Context) error {
	return wrap("flush", s.flush(ctx))
}

// Close closes the outbox and ends the goroutines of the sender. An attempt under way is cut off. Beacons that wait
// stay in the outbox, for a detached deliverer or the next run. To wait for them, call Flush before. For each deliverer
// that this process started, one goroutine remains until the deliverer ends. A second Close does nothing.
func (s *Sender) Close() error {
	return wrap("close", s.close())
}

func tooLarge(what string, size, limit int64) error {
	return fmt.Errorf("%w: its %s has %d bytes, over the limit of %d: send less, or in several beacons", ErrTooLarge, what, size, limit)
}

// wrap adds the operation to an error that is not a TypeError.
func wrap(operation string, err error) error {
	if typeError := (*TypeError)(nil); err == nil || errors.As(err, &typeError) || errors.Is(err, ErrTooLarge) {
		return err
	}
	return fmt.Errorf("beacon: %s: %w", operation, err)
}
