package beacon

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// Ping does for the navigator's Page, which it needs, what following a link to target does
// whose ping attribute has these values (HTML, "Hyperlink auditing"): it posts to each of the
// URLs in them, at once, and waits for the answers. What is no http or https URL is left out.
// A target that is none is a [*TypeError]; other errors are those of the requests that
// failed, joined, or that DO_NOT_TRACK is honored.
func (n *Navigator) Ping(ctx context.Context, target string, ping ...string) error {
	p := n.Page
	if p == nil {
		return typeErrorf("Ping is a page's: set Navigator.Page")
	}
	to, err := p.parse(target)
	if err != nil {
		return err
	}
	if config := n.Config.orDefault(); config.HonorDoNotTrack && doNotTrack() {
		return errDoNotTrack
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
