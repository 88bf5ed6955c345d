package collect

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// newRecord is the request as it is kept, with b's body, and a header that is b's. The server
// has taken the request apart; its headers come back in alphabetical order, and a chunked body
// in one piece.
func (c *Collector) newRecord(r *http.Request, b *buffer, from sender, now time.Time) warc.Record {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = originForm(r)
	}
	secrets := c.secrets(from.address)
	header := append(b.header[:0], warc.Field{Name: "Host", Value: r.Host})
	b.names = slices.AppendSeq(b.names[:0], maps.Keys(r.Header))
	slices.Sort(b.names)
	for _, name := range b.names {
		for _, v := range r.Header[name] {
			if !secrets.has(name, v) {
				header = append(header, warc.Field{Name: name, Value: v})
			}
		}
	}
	b.header = header
	ip, extra := c.private(from.address, now)
	if c.options.Batch != nil && c.options.Batch(streamOf(r)) {
		extra = append(extra, warc.Field{Name: row.BatchField, Value: "yes"})
	}
	return warc.Record{
		ID: beaconID(r.Header.Get("Idempotency-Key"), r.URL.Path), Date: now, IP: ip, Extra: extra,
		Target:  from.scheme + "://" + r.Host + target,
		Request: warc.Request{Method: r.Method, Target: target, Proto: "HTTP/1.1", Header: header, Body: b.body},
	}
}

// originForm is the target of a request whose own is an absolute URL, as for a proxy, spelled as
// it was sent.
func originForm(r *http.Request) string {
	_, rest, _ := strings.Cut(r.RequestURI, "://")
	if i := strings.IndexAny(rest, "/?"); i >= 0 && rest[i] == '/' {
		return rest[i:]
	}
	return r.URL.RequestURI()
}

// keySpace is the name space of the ids of beacons whose key is not itself a UUID.
var keySpace = uuid.MustParse("7d2a9c7e-5d0f-4a3b-9d55-0c7a8f6f2b11")

// beaconID is the id that goes with an Idempotency-Key, quoted or not, so that the same
// key is one row. A key that is no UUID is its stream's own: "17" is many senders' key. A
// beacon without a key is like no other.
func beaconID(key, stream string) uuid.UUID {
	key = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(key), `"`), `"`)
	if key == "" {
		return uuid.Must(uuid.NewV7())
	}
	if id, err := uuid.Parse(key); err == nil && id != uuid.Nil && len(key) == 36 {
		return id
	}
	return uuid.NewSHA1(keySpace, []byte(stream+" "+key))
}
