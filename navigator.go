package beacon

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A Navigator sends beacons. The zero Navigator is ready to use; it is safe for
// concurrent use.
type Navigator struct {
	// Config is the navigator's own; nil is the process's. Navigators whose configs name
	// the same Outbox share it, and with it the TLS and the Logger of the first one.
	Config *Config
	// Header is sent with every beacon, such as an Authorization or a write key. The
	// method of the standard has nothing like it. Host, Content-Type, Content-Length,
	// Idempotency-Key and the headers of the connection are not the caller's to set.
	Header http.Header
	// UserAgent is the User-Agent header. Default: "beacon-go".
	UserAgent string
}

// A TypeError is what the standard throws: the call itself is wrong, and would be at any
// time.
type TypeError struct{ Reason string }

func (e *TypeError) Error() string { return "beacon: " + e.Reason }

func typeErrorf(format string, args ...any) error {
	return &TypeError{fmt.Sprintf(format, args...)}
}

// SendBeacon is the sendBeacon method of the Beacon standard ("Processing Model"). It
// queues data to be sent to url, an absolute http or https URL, in a POST request, and
// returns true if it was queued: written to the outbox, from where it is delivered
// whatever becomes of this process. It returns false where it could not be: the body is
// over [MaxBody] bytes, the outbox is full, or the disk did not take it; the Config's
// Logger hears which. The error is always a [*TypeError]: of a URL that is none, or data
// of a type that can't be sent.
//
// The data can be, with the Content-Type that goes with it (Fetch, "extract a body"):
//
//	nil                          no body
//	string                       text/plain;charset=UTF-8
//	[]byte and other slices or   none; numbers are little-endian, as in a typed array
//	  arrays of int8…float64
//	Blob, *Blob                  its type, if it has one
//	JSON(v)                      application/json
//	FormData, *FormData          multipart/form-data
//	url.Values                   application/x-www-form-urlencoded;charset=UTF-8
//
// The data is copied during the call.
func (n *Navigator) SendBeacon(url string, data any) (bool, error) {
	to, err := parseURL(url)
	if err != nil {
		return false, err
	}
	body, contentType, err := extractBody(data)
	if err != nil {
		return false, err
	}
	header, err := n.header(contentType)
	if err != nil {
		return false, err
	}
	config := n.Config.orDefault()
	if err := queue(&config, to, body, header); err != nil {
		config.Logger.Warn("not queued", "reason", err)
		return false, nil
	}
	return true, nil
}

var records = sync.Pool{New: func() any { return new([]byte) }}

func queue(c *Config, to *target, body []byte, header warc.Fields) error {
	if len(body) > MaxBody {
		return fmt.Errorf("its body of %d bytes is over the limit of %d: send less, or in several beacons", len(body), MaxBody)
	}
	if isDeliverer {
		return errors.New("a deliverer sends no beacons of its own")
	}
	if c.HonorDoNotTrack && doNotTrack() {
		return purge(c)
	}
	box, err := openOutbox(c)
	if err != nil {
		return err
	}
	record, err := newRecord(c, to, body, header)
	if err != nil {
		return err
	}
	buf := records.Get().(*[]byte)
	defer records.Put(buf)
	if *buf, err = record.Append((*buf)[:0]); err != nil {
		return err
	}
	return box.send(*buf, c)
}

func newRecord(c *Config, to *target, body []byte, header warc.Fields) (*warc.Record, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	extra := warc.Fields{
		{Name: deliver.ExpiresField, Value: now.Add(c.MaxAge).UTC().Format(time.RFC3339)},
		{Name: deliver.ProxyField, Value: to.proxy},
	}
	if c.HonorDoNotTrack {
		extra = append(extra, warc.Field{Name: deliver.HonorField, Value: "1"})
	}
	header[0].Value = to.host
	header[1].Value = strconv.Itoa(len(body))
	// The value is a string in the grammar of RFC 8941, which has quotes.
	header[2].Value = `"` + id.String() + `"`
	return &warc.Record{
		ID: id, Date: now, Target: to.href, Extra: extra,
		Request: warc.Request{Method: "POST", Target: to.path, Proto: "HTTP/1.1", Header: header, Body: body},
	}, nil
}

// A target is a parsed URL.
type target struct {
	given string // what was parsed
	href  string // without the fragment
	host  string
	path  string // and query
	proxy string // as the environment has it now
}

// Most programs send to one URL: the last one parsed is kept.
var lastTarget atomic.Pointer[target]

// parseURL is step 1 of the processing model. A process has no base URL, so a relative
// one is no URL here.
func parseURL(given string) (*target, error) {
	if t := lastTarget.Load(); t != nil && t.given == given {
		return t, nil
	}
	u, err := url.Parse(given)
	if err != nil {
		return nil, typeErrorf("%q is not an absolute URL: %s", given, strings.TrimPrefix(err.Error(), "Error: "))
	}
	if u.Scheme() != "http" && u.Scheme() != "https" {
		return nil, typeErrorf("%q has the scheme %q: beacons go to http: and https: URLs only", given, u.Scheme())
	}
	t := &target{given: strings.Clone(given), href: u.Href(true), host: u.Host(), path: u.Pathname() + u.Search()}
	t.proxy = proxyFor(t.href)
	lastTarget.Store(t)
	return t, nil
}
