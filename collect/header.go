package collect

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// storedHeaders are the headers that are stored, in canonical form: those that describe the beacon and its
// page. Any other header may have a client IP or a credential, and is stored only with Options.KeepHeader.
// Headers with the prefix Sec-Fetch- or Sec-Ch- are stored too.
var storedHeaders = map[string]bool{
	"Host": true, "Content-Type": true, "Content-Encoding": true, "Content-Length": true,
	"Idempotency-Key": true, "Date": true, "Beacon-Lost": true, "Traceparent": true,
	"Origin": true, "Referer": true, "Ping-From": true, "Ping-To": true, "Dnt": true, "Sec-Gpc": true,
	"User-Agent": true, "Accept-Language": true,
	// Client hints without the prefix Sec-CH-.
	"Device-Memory": true, "Downlink": true, "Dpr": true, "Ect": true, "Rtt": true, "Save-Data": true, "Viewport-Width": true, "Width": true,
}

// anonymousHeaders are those of a beacon that is stored without what distinguishes one person from another.
var anonymousHeaders = map[string]bool{
	"Host": true, "Content-Type": true, "Content-Encoding": true, "Content-Length": true,
	"Idempotency-Key": true, "Date": true, "Beacon-Lost": true,
	"Origin": true, "Ping-To": true, "Dnt": true, "Sec-Gpc": true,
}

// NeverStored are the headers that Options.KeepHeader can't have: credentials of the sender.
func NeverStored() []string { return []string{"Authorization", "Cookie", "Proxy-Authorization"} }

// A headerFilter selects the headers of a request that are stored.
type headerFilter struct {
	more     map[string]bool // Options.KeepHeader, in canonical form
	referrer Referrer
}

func newHeaderFilter(o Options) headerFilter {
	f := headerFilter{referrer: o.Referrer, more: map[string]bool{}}
	for _, name := range o.KeepHeader {
		f.more[http.CanonicalHeaderKey(name)] = true
	}
	for _, name := range NeverStored() {
		delete(f.more, name)
	}
	return f
}

// stores reports whether a header is stored. name is in canonical form.
func (f *headerFilter) stores(name string) bool {
	return storedHeaders[name] || strings.HasPrefix(name, "Sec-Fetch-") || strings.HasPrefix(name, "Sec-Ch-") || f.more[name]
}

// value returns what is stored of a header's value, or "" for nothing.
func (f *headerFilter) value(name, value string) string {
	switch name {
	case "Referer", "Ping-From", "Ping-To":
		return f.referrer.trim(value)
	}
	return value
}

// apply removes from a header of a file what is not stored of a request.
func (f *headerFilter) apply(header warc.Fields) warc.Fields {
	kept := header[:0]
	for _, h := range header {
		name := http.CanonicalHeaderKey(h.Name)
		if !f.stores(name) {
			continue
		}
		if value := f.value(name, h.Value); value != "" || h.Value == "" {
			kept = append(kept, warc.Field{Name: h.Name, Value: value})
		}
	}
	return kept
}

// anonymize removes the parts of a record that distinguish one person from another.
func anonymize(r *warc.Record) {
	r.IP = ""
	r.Extra = slices.DeleteFunc(r.Extra, func(f warc.Field) bool { return f.Name == row.AddressField })
	r.Request.Header = slices.DeleteFunc(r.Request.Header, func(f warc.Field) bool {
		name := http.CanonicalHeaderKey(f.Name)
		return !anonymousHeaders[name] && !strings.HasPrefix(name, "Sec-Fetch-")
	})
}

// A Referrer is how much is stored of the page's URL, in the headers Referer, Ping-From and Ping-To.
type Referrer int

const (
	ReferrerPath   Referrer = iota // without the query, which can have tokens and names of people
	ReferrerOrigin                 // scheme, host and port
	ReferrerFull                   // as it was sent
)

var referrerNames = []string{"path", "origin", "full"}

// MarshalText returns path, origin or full.
func (f Referrer) MarshalText() ([]byte, error) { return []byte(referrerNames[f]), nil }

// UnmarshalText parses what MarshalText returns. The error lists the choices.
func (f *Referrer) UnmarshalText(text []byte) error { return choose(f, referrerNames, string(text)) }

// trim returns what is stored of a URL. It is "" if the URL has no origin and only that is stored.
func (f Referrer) trim(url string) string {
	if f == ReferrerFull {
		return url
	}
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = url[:i]
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		if f == ReferrerOrigin {
			return ""
		}
		return url
	}
	host, path, _ := strings.Cut(rest, "/")
	host, credentials := host[strings.LastIndexByte(host, '@')+1:], strings.Contains(host, "@")
	switch {
	case f == ReferrerOrigin:
		return scheme + "://" + host + "/"
	case credentials:
		return scheme + "://" + host + "/" + path
	}
	return url
}
