package collect

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// unkept are the headers that never reach the disk: those that let somebody in, and
// those in which a proxy passes on an address.
var unkept = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Cookie": true,
	"Forwarded": true, "X-Forwarded-For": true, "X-Real-Ip": true, "True-Client-Ip": true, "Cf-Connecting-Ip": true,
}

// newRecord is the request as it is kept. The server has taken the request apart; its
// headers come back in alphabetical order, and a chunked body in one piece.
func newRecord(r *http.Request, body []byte, now time.Time) warc.Record {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI() // it was an absolute URL, as for a proxy
	}
	header := make(warc.Fields, 1, len(r.Header)+1)
	header[0] = warc.Field{Name: "Host", Value: r.Host}
	for name, values := range r.Header {
		if !unkept[name] {
			for _, v := range values {
				header = append(header, warc.Field{Name: name, Value: v})
			}
		}
	}
	slices.SortStableFunc(header[1:], func(a, b warc.Field) int { return strings.Compare(a.Name, b.Name) })
	return warc.Record{
		ID: beaconID(r.Header.Get("Idempotency-Key"), r.URL.Path), Date: now, IP: truncated(r.RemoteAddr),
		Target:  scheme + "://" + r.Host + target,
		Request: warc.Request{Method: r.Method, Target: target, Proto: "HTTP/1.1", Header: header, Body: body},
	}
}

// scrub takes from a record that came in a file what never reaches the disk.
func scrub(r *warc.Record) {
	r.Request.Header = slices.DeleteFunc(r.Request.Header, func(f warc.Field) bool {
		return unkept[http.CanonicalHeaderKey(f.Name)]
	})
	addr, _ := netip.ParseAddr(r.IP)
	r.IP = network(addr)
	// Of an outbox's own fields none is a collector's.
	r.Extra = slices.DeleteFunc(r.Extra, func(f warc.Field) bool { return f.Name != row.BatchField })
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

func truncated(remote string) string {
	at, _ := netip.ParseAddrPort(remote)
	return network(at.Addr())
}

// network is the address without the part that names one household: a /24 of IPv4, a /48
// of IPv6; "" where it is none.
func network(addr netip.Addr) string {
	bits := 48
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || !addr.IsValid() {
		return ""
	}
	return prefix.Addr().String()
}
