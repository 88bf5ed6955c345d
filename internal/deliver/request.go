package deliver

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/net/http/httpguts"

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
	// FormatNeeds is the format of records that only this version's deliverer may send, because of the next
	// two fields.
	FormatNeeds = "3"
	// BaseField means that only a deliverer with Base set sends it.
	BaseField = "Beacon-Base"
	// HeaderFileField is a header whose value is in a file: the name, a space and the absolute path.
	HeaderFileField = "Beacon-Header-File"
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
	case "", Format, FormatNeeds:
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

// addFiles adds the headers of a record whose values are in files.
func addFiles(q *fetch.Request, extra warc.Fields) error {
	for _, f := range extra {
		if f.Name != HeaderFileField {
			continue
		}
		name, path, _ := strings.Cut(f.Value, " ")
		text, err := readFile(path)
		if err != nil {
			return fmt.Errorf("the header %s can't be read: %w", name, err)
		}
		value := strings.TrimSpace(string(text))
		if value == "" || len(value) > maxFile || !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("the header %s can't have the content of %s as its value", name, path)
		}
		q.Header.Set(name, value)
	}
	return nil
}

// readFile returns at most maxFile+1 bytes of a regular file. To open another one, such as a pipe, can block.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// maxFile is the most bytes of a header in a file.
const maxFile = 64 << 10

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
