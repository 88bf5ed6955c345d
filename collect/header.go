package collect

import (
	"net/http"
	"strings"

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

// value returns what is stored of a header's value.
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
		if name := http.CanonicalHeaderKey(h.Name); f.stores(name) {
			kept = append(kept, warc.Field{Name: h.Name, Value: f.value(name, h.Value)})
		}
	}
	return kept
}
