//go:build !js

package outbox

import (
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
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

const defaultMaxAge = 24 * time.Hour

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

// Release lets the draft be used again.
func (d *Draft) Release() { drafts.Put(d) }

// Encode makes d.Record and d.ID of the draft's header and extension fields. key is the Idempotency-Key, or ""
// for one made of the id. The beacon expires after maxAge, by default a day.
func (d *Draft) Encode(method string, to *Target, key string, body []byte, maxAge time.Duration) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	if maxAge <= 0 {
		maxAge = defaultMaxAge
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
