// Package navigator is the navigator of a web page in a Go program: sendBeacon, fetch and hyperlink pings by
// the rules of the Web, which are origins, CORS, policies and cookies. The package page runs JavaScript on it.
//
// The beacons of a page are delivered by its process at once. When that is gone, a detached deliverer sends the
// rest, if the program has called beacon.Start, and else the next process with pages. See the package beacon
// for programs that are not pages.
package navigator

import (
	"fmt"
	"net/http"

	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
	"github.com/seed-d051cf5a/beacon/internal/warc"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// MaxBody is how many bytes the bodies of all beacons and keepalive requests of a page have at most that are
// under way: the quota of the Fetch standard ("HTTP-network-or-cache fetch").
const MaxBody = 64 << 10

// A Navigator sends for a [Page]. It is safe for concurrent use; its fields are set before the first use.
type Navigator struct {
	// Page is the page. It must be set.
	Page *Page
	// Agent is the user agent. Default: that of [DefaultAgent].
	Agent *Agent
	// Header is sent with every request, beside those of the page, and is not subject to CORS. Host,
	// Content-Type, Content-Length, Idempotency-Key, User-Agent and the headers of the connection can't be set.
	// A redirect to another origin does not get it. At most 64 KiB.
	Header http.Header
	// UserAgent is the User-Agent header. Default: "beacon-go".
	UserAgent string
}

func typeErrorf(format string, args ...any) error {
	return &beacon.TypeError{Reason: fmt.Sprintf(format, args...)}
}

func (n *Navigator) agent() *Agent {
	if n.Agent != nil {
		return n.Agent
	}
	return defaultAgent()
}

// SendBeacon is the sendBeacon method of the Beacon standard ("Processing Model"). It queues data, of the types
// that [beacon.Sender.Send] lists, to be sent to a URL, which may be relative to the page's base, in a POST
// request. It returns true if the beacon is in the outbox, from where it is delivered also after the end of this
// process. It returns false if the body does not fit into the page's quota, the URL is over 64 KiB, the outbox
// is full or another user's, the disk failed, sending is off, or DO_NOT_TRACK is honored; the Config's Logger
// logs the reason. The error is always a [*beacon.TypeError]: for an invalid URL, Header or UserAgent, or data
// that can't be sent.
//
// CORS and the page's policies apply when the beacon is sent, and any answer is final; only after a network
// error it is sent again.
func (n *Navigator) SendBeacon(url string, data any) (bool, error) {
	if n.Page == nil {
		return false, typeErrorf("SendBeacon needs a page: set Navigator.Page, or use beacon.Send")
	}
	a := n.agent()
	to, err := n.target(a, url)
	if err != nil {
		return false, err
	}
	body, contentType, err := beacon.ExtractBody(data)
	if err != nil {
		return false, err
	}
	d := outbox.NewDraft()
	defer d.Release()
	if d.Header, err = n.header(d.Header, contentType); err != nil {
		return false, err
	}
	if err := n.queue(a, d, to, body, contentType); err != nil {
		a.log.Warn("not queued", "reason", err)
		return false, nil
	}
	return true, nil
}

// header appends the navigator's own header, and the Content-Type if there is one.
func (n *Navigator) header(fields warc.Fields, contentType string) (warc.Fields, error) {
	agent := n.UserAgent
	if agent == "" {
		agent = outbox.DefaultUserAgent
	} else if err := outbox.CheckUserAgent(agent); err != nil {
		return fields, typeErrorf("%v", err)
	}
	if err := outbox.CheckHeader(n.Header); err != nil {
		return fields, typeErrorf("Navigator.Header: %v", err)
	}
	return outbox.AppendHeader(fields, agent, contentType, n.Header), nil
}

func (n *Navigator) queue(a *Agent, d *outbox.Draft, to *outbox.Target, body []byte, contentType string) error {
	if len(to.Href) > outbox.MaxHeader {
		return fmt.Errorf("its URL of %d bytes is over the limit of %d: put data into the body", len(to.Href), outbox.MaxHeader)
	}
	if err := outbox.Forbidden(a.config.HonorDoNotTrack, a.dir, a.open); err != nil {
		return err
	}
	if outbox.Prints() {
		outbox.Print(http.MethodPost, to.Href, contentType, body)
		return nil
	}
	release, ok := n.Page.group.Reserve(len(body))
	if !ok {
		return fmt.Errorf("the page's beacons on their way leave no room for a body of %d bytes: its quota is %d in all", len(body), MaxBody)
	}
	err := a.keep(d, n, to, body, contentType, release)
	if err != nil {
		release()
	}
	return err
}

// keep appends a beacon. release gives its bytes back to the page's quota.
func (a *Agent) keep(d *outbox.Draft, n *Navigator, to *outbox.Target, body []byte, contentType string, release func()) error {
	pages, err := a.open()
	if err != nil {
		return err
	}
	d.Extra = n.Page.fields(d.Extra, contentType)
	if a.config.HonorDoNotTrack {
		d.Extra = append(d.Extra, warc.Field{Name: deliver.HonorField, Value: "1"})
	}
	if err := d.Encode(http.MethodPost, to, "", body, a.config.MaxAge); err != nil {
		return err
	}
	id := d.ID.String()
	a.flights.Store(id, &flight{n, release})
	if err := pages.Append(d.Record); err != nil {
		a.flights.Delete(id)
		return err
	}
	return nil
}

// target is step 1 of the standard's processing model.
func (n *Navigator) target(a *Agent, given string) (*outbox.Target, error) {
	return a.targets.Get(given, n.Page.base(), func() (*url.Url, error) {
		u, err := n.Page.parse(given)
		if err == nil && !weburl.IsHTTP(u) {
			err = typeErrorf("%q has the scheme %q: beacons go to http: and https: URLs only", given, u.Scheme())
		}
		return u, err
	})
}
