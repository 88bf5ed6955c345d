package collect

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// newRecord returns the record of a request. It shares memory with b: the body and the header. The
// header fields are in alphabetical order, because http.Request does not keep their order.
func (c *Collector) newRecord(r *http.Request, b *buffer, from sender, now time.Time) warc.Record {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = originForm(r)
	}
	header := append(b.header[:0], warc.Field{Name: "Host", Value: r.Host})
	b.sortNames(r.Header, &c.headers)
	for _, name := range b.names {
		for _, v := range r.Header[name] {
			if v, ok := c.headers.value(name, v); ok {
				header = append(header, warc.Field{Name: name, Value: v})
			}
		}
	}
	b.header = header
	ip, extra := c.private(from.address, now)
	if origin := r.Header.Get("Origin"); origin != "" && c.options.Visitors && c.options.Address != AddressDropped {
		if id := visitorID(c.visitors, from.address, r.Header.Get("User-Agent"), origin, now); id != "" {
			extra = append(extra, warc.Field{Name: row.VisitorField, Value: id})
		}
	}
	if c.options.Batch != nil && c.options.Batch(streamOf(r)) {
		extra = append(extra, warc.Field{Name: row.BatchField, Value: "yes"})
	}
	request := warc.Request{Method: r.Method, Target: target, Proto: "HTTP/1.1", Header: header, Body: b.body}
	return warc.Record{
		ID: beaconID(r.Header.Get("Idempotency-Key"), r.URL.Path), Date: now, IP: ip, Extra: c.classify(extra, from.address, &request),
		Target: from.scheme + "://" + r.Host + target, Request: request,
	}
}

// sortNames sets b.names to the names of a header that are stored, sorted. Most headers have the same names as
// that of the beacon before, which saves the sort.
func (b *buffer) sortNames(header http.Header, filter *headerFilter) {
	same := b.filter == filter && len(b.seen) == len(header)
	for i := 0; same && i < len(b.seen); i++ {
		_, same = header[b.seen[i]]
	}
	if same {
		return
	}
	b.filter = filter
	b.seen = slices.AppendSeq(b.seen[:0], maps.Keys(header))
	b.names = b.names[:0]
	for _, name := range b.seen {
		if filter.stores(name) {
			b.names = append(b.names, name)
		}
	}
	slices.Sort(b.names)
}

// originForm returns the path and query of a request-target that is an absolute URL, as they were sent.
func originForm(r *http.Request) string {
	_, rest, _ := strings.Cut(r.RequestURI, "://")
	if i := strings.IndexAny(rest, "/?"); i >= 0 && rest[i] == '/' {
		return rest[i:]
	}
	return r.URL.RequestURI()
}

// keySpace is the name space of the ids of beacons whose Idempotency-Key is not a UUID.
var keySpace = uuid.MustParse("7d2a9c7e-5d0f-4a3b-9d55-0c7a8f6f2b11")

// beaconID returns the id for an Idempotency-Key, quoted or not. The same key always has the same id. A
// key that is a UUID is the id, whatever the stream. Any other key counts within its stream, because several senders
// may use a key such as "17". Without a key the id is new.
func beaconID(key, stream string) uuid.UUID {
	key = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(key), `"`), `"`)
	if key == "" {
		return uuid.Must(uuid.NewV7())
	}
	if id, err := uuid.Parse(key); err == nil && id != uuid.Nil && len(key) == 36 {
		return id
	}
	return uuid.NewSHA1(keySpace, fmt.Appendf(nil, "%d %s %s", len(stream), stream, key)) // the length keeps two pairs apart
}
