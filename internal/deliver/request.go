package deliver

import (
	"net/http"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// The record's extension fields for its delivery.
const (
	// ExpiresField has the time, in RFC 3339, after which it is not delivered any more.
	ExpiresField = "Beacon-Expires"
	// FormatField has the format of the record. A deliverer leaves alone records of a format that it does not
	// know: a program with a newer version delivers them. Records of format 1 have no such field.
	FormatField = "Beacon-Format"
	Format      = "2"
	// HonorField means that the beacon is purged once the user forbids tracking.
	HonorField = "Beacon-Honor-Do-Not-Track"

	// Only a page's beacons have these: the mode, "no-cors" or "cors", and the page's settings.
	ModeField           = "Beacon-Mode"
	PageField           = "Beacon-Page" // its URL
	OriginField         = "Beacon-Origin"
	ReferrerPolicyField = "Beacon-Referrer-Policy"
	CSPField            = "Beacon-Content-Security-Policy" // one for each header
)

// knownFormat reports whether this version can deliver a record.
func knownFormat(r *warc.Record) bool {
	switch r.Extra.Get(FormatField) {
	case "", Format:
		return true
	}
	return false
}

// KeyHeader is the request's header with the beacon's id.
const KeyHeader = "Idempotency-Key"

// request returns the request of a record, over a network. Host and Content-Length come from the URL and the body.
func request(r warc.Record, n fetch.Network) fetch.Request {
	q := fetch.Request{
		Method: r.Request.Method, URL: r.Target, Header: make(http.Header, len(r.Request.Header)), Body: r.Request.Body,
		Network: n, Mode: r.Extra.Get(ModeField),
	}
	rest := q.Header
	if q.Mode != "" {
		q.Page, q.Credentials, q.Initiator = page(r), "include", "beacon"
		q.Agent = http.Header{}
		rest = q.Agent
	}
	for _, f := range r.Request.Header {
		switch {
		case strings.EqualFold(f.Name, "Host"), strings.EqualFold(f.Name, "Content-Length"):
		case strings.EqualFold(f.Name, "Content-Type"):
			q.Header.Add(f.Name, f.Value)
		default:
			rest.Add(f.Name, f.Value)
		}
	}
	return q
}

func page(r warc.Record) *fetch.Page {
	p := &fetch.Page{
		URL: r.Extra.Get(PageField), Origin: r.Extra.Get(OriginField), ReferrerPolicy: r.Extra.Get(ReferrerPolicyField),
	}
	for _, f := range r.Extra {
		if f.Name == CSPField {
			p.CSP = append(p.CSP, f.Value)
		}
	}
	return p
}
