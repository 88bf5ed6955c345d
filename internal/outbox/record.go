//go:build !js

package outbox

import (
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
)

// A Draft has the buffers of a record. Drafts are reused, because most of the cost of a Send would be their
// allocation.
type Draft struct {
	ID     uuid.UUID
	Header warc.Fields // begins with what Encode fills in
	Extra  warc.Fields
	Record []byte
}

var drafts = sync.Pool{New: func() any { return new(Draft) }}

// recordHeader is the first part of a draft's header, without values.
var recordHeader = [...]warc.Field{hostField: {Name: "Host"}, lengthField: {Name: "Content-Length"}, keyField: {Name: deliver.KeyHeader}}

const (
	hostField = iota
	lengthField
	keyField
)

// NewDraft returns a draft without content. The caller calls Release at the end.
func NewDraft() *Draft {
	d := drafts.Get().(*Draft)
	d.Header, d.Extra = append(d.Header[:0], recordHeader[:]...), d.Extra[:0]
	return d
}

// Release has the draft used again.
func (d *Draft) Release() { drafts.Put(d) }

// Encode makes d.Record and d.ID of the draft's header and extension fields. key is the Idempotency-Key, or ""
// for one made of the id.
func (d *Draft) Encode(method string, to *Target, key string, body []byte, maxAge time.Duration) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	now := time.Now()
	// The values that differ in each beacon are parts of one string. The key is a String of RFC 8941, which
	// has quotes.
	text := append(d.Record[:0], '"')
	text = append(warc.AppendUUID(text, id), '"')
	ownKey := len(text)
	text = warc.AppendTime(text, now.Add(maxAge))
	expires := len(text)
	values := string(strconv.AppendInt(text, int64(len(body)), 10))
	if key == "" {
		key = values[:ownKey]
	}
	d.ID = id
	d.Header[hostField].Value = to.host
	d.Header[lengthField].Value = values[expires:]
	d.Header[keyField].Value = key
	format := deliver.Format
	for _, f := range d.Extra {
		if f.Name == deliver.BaseField || f.Name == deliver.HeaderFileField {
			format = deliver.FormatNeeds
		}
	}
	d.Extra = append(d.Extra,
		warc.Field{Name: deliver.FormatField, Value: format},
		warc.Field{Name: deliver.ExpiresField, Value: values[ownKey:expires]})
	d.Extra = deliver.AppendNetwork(d.Extra, to.network)
	record := warc.Record{
		ID: id, Date: now, Target: to.Href, Extra: d.Extra,
		Request: warc.Request{Method: method, Target: to.path, Proto: "HTTP/1.1", Header: d.Header, Body: body},
	}
	d.Record, err = record.Append(d.Record[:0])
	return err
}

// A Target is a parsed URL, with the network by which this process reaches it.
type Target struct {
	Href    string // without the fragment
	given   string // that was parsed
	base    string
	env     fetch.Environment
	checked atomic.Int64 // when env was compared with the environment last, Unix time in milliseconds
	host    string
	path    string // and query
	network fetch.Network
}

// Targets has the URL that was parsed last. Most programs send to one URL. The zero value is ready; it is safe
// for concurrent use.
type Targets struct{ last atomic.Pointer[Target] }

// Get returns the target of a URL, relative to a base. parse parses the URL.
func (ts *Targets) Get(given, base string, parse func() (*url.Url, error)) (*Target, error) {
	last, now := ts.last.Load(), time.Now().UnixMilli()
	same := last != nil && last.given == given && last.base == base
	if same && last.checked.Load() == now {
		return last, nil
	}
	env := fetch.ReadEnvironment()
	if same && last.env == env {
		last.checked.Store(now)
		return last, nil
	}
	u, err := parse()
	if err != nil {
		return nil, err
	}
	t := &Target{
		given: strings.Clone(given), base: base, env: env,
		Href: u.Href(true), host: u.Host(), path: u.Pathname() + u.Search(), network: env.Network(u.Scheme(), u.Host()),
	}
	ts.last.Store(t)
	return t, nil
}
