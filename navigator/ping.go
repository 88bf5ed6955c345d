package navigator

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// Ping sends the pings of a link to target that is followed (HTML, "Hyperlink auditing"). ping has the values of
// the link's ping attribute, each with URLs that are separated by white space. Ping posts to all of the http and
// https URLs in parallel, and waits for the answers. It ignores other URLs.
//
// The error is a [*beacon.TypeError] for a target that is not a URL; it is [beacon.ErrDoNotTrack]; or it joins the
// errors of the requests that failed.
func (n *Navigator) Ping(ctx context.Context, target string, ping ...string) error {
	p := n.Page
	if p == nil {
		return typeErrorf("Ping needs a page: set Navigator.Page")
	}
	to, err := p.parse(target)
	if err != nil {
		return err
	}
	if n.agent().config.HonorDoNotTrack && outbox.DoNotTrack() {
		return outbox.ErrDoNotTrack
	}
	var errs []error
	var mu sync.Mutex
	var wait sync.WaitGroup
	for _, token := range strings.FieldsFunc(strings.Join(ping, " "), isASCIIWhitespace) {
		u, err := p.parse(token)
		if err != nil || !weburl.IsHTTP(u) {
			continue
		}
		header := http.Header{"Content-Type": {"text/ping"}, "Ping-To": {to.Href(false)}}
		if from, err := p.parse(p.place().url); err == nil && (from.Scheme() != "https" || weburl.SameOrigin(from.Href(true), u.Href(true))) {
			header.Set("Ping-From", from.Href(false))
		}
		body := []byte("PING")
		release, err := p.reserve(len(body))
		if err != nil {
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
			continue
		}
		wait.Go(func() {
			defer release()
			_, err := n.fetch(ctx, &Request{
				Method: "POST", URL: u.Href(true), Header: header, Body: body,
				Mode: "no-cors", Credentials: "include", Redirect: "follow", Referrer: fetch.NoReferrer,
				Keepalive: true, Initiator: "ping",
			}, release)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func isASCIIWhitespace(r rune) bool { return strings.ContainsRune(" \t\n\f\r", r) }
