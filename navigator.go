package beacon

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/warc"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// A Navigator sends beacons. The zero Navigator is ready to use; it is safe for
// concurrent use.
type Navigator struct {
	// Config is the navigator's own; nil is the process's. Navigators with the same Outbox share it, and the
	// TLS and the Logger of the first one.
	Config *Config
	// Header is sent with every beacon, such as an Authorization or a write key; the standard's method has no
	// such option. Host, Content-Type, Content-Length, Idempotency-Key, User-Agent and the headers of the
	// connection can't be set. A redirect to another origin does not get it. At most 64 KiB.
	Header http.Header
	// UserAgent is the User-Agent header. Default: "beacon-go".
	UserAgent string
	// Page is the page that the navigator belongs to. Without a page, requests have no origin and no
	// referrer.
	Page *Page
}

// A TypeError is the exception of the standard: the call itself is wrong.
type TypeError struct{ Reason string }

func (e *TypeError) Error() string { return "beacon: " + e.Reason }

func typeErrorf(format string, args ...any) error {
	return &TypeError{fmt.Sprintf(format, args...)}
}

// SendBeacon is the sendBeacon method of the Beacon standard ("Processing Model"). It
// queues data to be sent to url, an http or https URL, in a POST request. It returns true if the
// beacon is in the outbox, from where it is delivered also after the end of this process. It returns false
// if the body or the URL is over [MaxBody] bytes, the outbox is full or another user's, the disk failed,
// sending is off, or DO_NOT_TRACK is honored; the Config's Logger logs the reason. With [Power], a beacon
// for which it returned false after a failed fsync may be delivered. The error is always a [*TypeError]: for
// an invalid URL, Header or UserAgent, or data that can't be sent.
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
// The data is copied during the call.
//
// Without a Page the URL is absolute. With a Page it may be relative to the page's base. All bodies that the
// page has in flight share the MaxBody bytes. CORS and the page's policies apply when the beacon is sent,
// and any answer is final; only after a network error it is sent again. This process delivers it; a detached
// or a later process delivers the beacons that this one leaves.
func (n *Navigator) SendBeacon(url string, data any) (bool, error) {
	to, err := n.target(url)
	if err != nil {
		return false, err
	}
	body, contentType, err := extractBody(data)
	if err != nil {
		return false, err
	}
	d := drafts.Get().(*draft)
	defer drafts.Put(d)
	if d.header, err = n.header(append(d.header[:0], recordHeader[:]...), contentType); err != nil {
		return false, err
	}
	config := n.Config.orDefault()
	if err := d.queue(n, &config, to, body, contentType); err != nil {
		config.Logger.Warn("not queued", "reason", err)
		return false, nil
	}
	return true, nil
}

// A draft has the buffers of a record. Drafts are reused, because most of the cost of a Send would be their
// allocation.
type draft struct {
	header, extra warc.Fields
	key           string // the Idempotency-Key
	record        []byte
}

var drafts = sync.Pool{New: func() any { return new(draft) }}

// recordHeader is the first part of a draft's header, without values.
var recordHeader = [...]warc.Field{hostField: {Name: "Host"}, lengthField: {Name: "Content-Length"}, keyField: {Name: deliver.KeyHeader}}

const (
	hostField = iota
	lengthField
	keyField
)

func (d *draft) queue(n *Navigator, c *Config, to *target, body []byte, contentType string) error {
	if len(body) > MaxBody {
		return fmt.Errorf("its body of %d bytes is over the limit of %d: send less, or in several beacons", len(body), MaxBody)
	}
	if len(to.href) > maxHeader {
		return fmt.Errorf("its URL of %d bytes is over the limit of %d: put data into the body", len(to.href), maxHeader)
	}
	if isDeliverer {
		return errors.New("a deliverer sends no beacons of its own")
	}
	switch value := os.Getenv(outboxVar); {
	case value == outboxOff:
		return errOff
	case c.HonorDoNotTrack && doNotTrack():
		return purge(c)
	case value == outboxLog:
		printBeacon(to.href, contentType, body)
		return nil
	case c.failed != nil:
		return c.failed
	}
	if n.Page != nil {
		return d.queueOfPage(n, c, to, body, contentType)
	}
	box, err := openOutbox(c)
	if err != nil {
		return err
	}
	d.extra = d.extra[:0]
	if c.ReportLoss {
		d.extra = append(d.extra, warc.Field{Name: deliver.ReportField, Value: "1"})
	}
	if err := d.encode(c, to, body); err != nil {
		return err
	}
	return box.send(d.record, c)
}

func (d *draft) queueOfPage(n *Navigator, c *Config, to *target, body []byte, contentType string) error {
	release, ok := n.Page.group.Reserve(len(body))
	if !ok {
		return fmt.Errorf("the page's beacons on their way leave no room for a body of %d bytes: its quota is %d in all", len(body), MaxBody)
	}
	box, err := openPageOutbox(c)
	if err == nil {
		d.extra = n.Page.fields(d.extra[:0], contentType)
		err = d.encode(c, to, body)
	}
	if err == nil {
		err = box.send(d, c, &flight{n, release})
	}
	if err != nil {
		release()
	}
	return err
}

// encode makes the record of the beacon in d.record, with what is in d.extra.
func (d *draft) encode(c *Config, to *target, body []byte) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	now := time.Now()
	// The values that differ in each beacon are parts of one string. The key is a String of RFC 8941, which
	// has quotes.
	text := append(d.record[:0], '"')
	text = append(warc.AppendUUID(text, id), '"')
	key := len(text)
	text = warc.AppendTime(text, now.Add(c.MaxAge))
	expires := len(text)
	values := string(strconv.AppendInt(text, int64(len(body)), 10))

	d.key = values[:key]
	d.header[hostField].Value = to.host
	d.header[lengthField].Value = values[expires:]
	d.header[keyField].Value = d.key
	d.extra = append(d.extra,
		warc.Field{Name: deliver.FormatField, Value: deliver.Format},
		warc.Field{Name: deliver.ExpiresField, Value: values[key:expires]})
	d.extra = deliver.AppendNetwork(d.extra, to.network)
	if c.HonorDoNotTrack {
		d.extra = append(d.extra, warc.Field{Name: deliver.HonorField, Value: "1"})
	}
	record := warc.Record{
		ID: id, Date: now, Target: to.href, Extra: d.extra,
		Request: warc.Request{Method: "POST", Target: to.path, Proto: "HTTP/1.1", Header: d.header, Body: body},
	}
	d.record, err = record.Append(d.record[:0])
	return err
}

// A target is a parsed URL.
type target struct {
	given   string // that was parsed
	base    string
	env     fetch.Environment
	checked atomic.Int64 // when env was compared with the environment last, Unix time in milliseconds
	href    string       // without the fragment
	host    string
	path    string // and query
	network fetch.Network
}

// lastTarget is the URL that was parsed last. Most programs send to one URL.
var lastTarget atomic.Pointer[target]

// target is step 1 of the standard's processing model. A relative URL needs the base URL of a page.
func (n *Navigator) target(given string) (*target, error) {
	base := ""
	if n.Page != nil {
		base = n.Page.base()
	}
	last, now := lastTarget.Load(), time.Now().UnixMilli()
	same := last != nil && last.given == given && last.base == base
	if same && last.checked.Load() == now {
		return last, nil
	}
	env := fetch.ReadEnvironment()
	if same && last.env == env {
		last.checked.Store(now)
		return last, nil
	}
	var u *url.Url
	var err error
	if n.Page != nil {
		u, err = n.Page.parse(given)
	} else if u, err = weburl.Parse(given); err != nil {
		err = typeErrorf("%q is not an absolute URL: %s", given, strings.TrimPrefix(err.Error(), "Error: "))
	}
	if err != nil {
		return nil, err
	}
	if !weburl.IsHTTP(u) {
		return nil, typeErrorf("%q has the scheme %q: beacons go to http: and https: URLs only", given, u.Scheme())
	}
	t := &target{
		given: strings.Clone(given), base: base, env: env,
		href: u.Href(true), host: u.Host(), path: u.Pathname() + u.Search(), network: env.Network(u.Scheme(), u.Host()),
	}
	lastTarget.Store(t)
	return t, nil
}
