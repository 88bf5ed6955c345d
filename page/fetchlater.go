package page

import (
	"math"
	"slices"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
	"github.com/seed-d051cf5a/beacon/navigator"
)

// The quotas of deferred fetches in bytes (Fetch, "available deferred-fetch quota").
const (
	deferredPerPage   = 512 << 10 // 640 KiB without the 128 KiB that are reserved for frames
	deferredPerOrigin = 64 << 10
)

// maxDelay is the longest delay of a deferred fetch in milliseconds: 100 years.
const maxDelay = 100 * 365 * 24 * 3600 * 1000

// A deferredFetch has the slots of a FetchLaterResult, and its request (Fetch, "deferred fetch record").
type deferredFetch struct {
	request   *navigator.Request
	origin    weburl.Origin
	length    int
	state     deferredState
	activated bool
}

type deferredState int

const (
	pending deferredState = iota
	sent
	aborted
)

// defineFetchLater defines fetchLater and FetchLaterResult.
func (rt *realm) defineFetchLater() {
	i := rt.define("FetchLaterResult", "", 0, nil)
	getter(i, "activated", func(d *deferredFetch) any { return d.activated })
	rt.operation("fetchLater", 1, func(c call) any { return rt.make("FetchLaterResult", c.fetchLater()) })
}

func (c call) fetchLater() *deferredFetch {
	p := c.page
	r, init := c.newRequest()
	if r.signal.aborted() {
		panic(r.signal.reason)
	}
	after := init.activateAfter
	ms := 0.0
	if after != nil {
		// A DOMHighResTimeStamp is a double without NaN and infinities.
		if ms = after.ToFloat(); math.IsNaN(ms) || math.IsInf(ms, 0) {
			panic(c.fail("The provided double value is non-finite."))
		}
		if ms < 0 {
			panic(c.newRangeError("Failed to %s: activateAfter cannot be negative.", c.what))
		}
	}
	if p.gone {
		panic(c.fail("The page is gone."))
	}
	if !weburl.IsHTTP(r.url) {
		panic(c.fail("fetchLater is only supported over HTTP(S)."))
	}
	if !weburl.Trustworthy(r.url) {
		panic(c.fail("fetchLater was passed an insecure URL."))
	}
	if r.body != nil && r.body.data == nil {
		panic(c.fail("fetchLater doesn't support a body of unknown length."))
	}
	d := &deferredFetch{request: r.beacon(), origin: weburl.OriginOf(r.url)}
	if r.body != nil {
		d.request.Body = r.body.data
	}
	d.length = p.requestLength(r)
	if quota := p.deferredQuota(d.origin); quota < d.length {
		panic(c.quotaError(quota, d.length, "Failed to execute 'fetchLater' on 'Window': the deferred-fetch quota is exceeded."))
	}
	p.fetches.deferred = append(slices.DeleteFunc(p.fetches.deferred, func(d *deferredFetch) bool { return d.state != pending }), d)
	r.signal.upon(func() {
		if d.state == pending {
			d.state = aborted
		}
	})
	if after != nil {
		p.loop.after(time.Duration(min(ms, maxDelay)*float64(time.Millisecond)), false, func() { p.process(d); d.activated = d.state == sent })
	}
	return d
}

// requestLength returns how many bytes of a quota a request takes (Fetch, "total request length").
func (p *Page) requestLength(r *request) int {
	n := len(r.url.Href(true))
	switch r.referrer {
	case "":
	case "about:client":
		n += len(p.address.Href(true))
	default:
		n += len(r.referrer)
	}
	for _, h := range r.headers.list {
		n += len(h.name) + len(h.value)
	}
	if r.body != nil {
		n += len(r.body.data)
	}
	return n
}

// deferredQuota returns how many bytes are left for an origin (Fetch, "available deferred-fetch quota").
func (p *Page) deferredQuota(origin weburl.Origin) int {
	whole, its := deferredPerPage, deferredPerOrigin
	for _, d := range p.fetches.deferred {
		if d.state != pending {
			continue
		}
		whole -= d.length
		if d.origin == origin {
			its -= d.length
		}
	}
	return max(0, min(whole, its))
}

// process sends a deferred fetch (Fetch, "process a deferred fetch"). The request outlives the page, and does not
// count for the keepalive quota.
func (p *Page) process(d *deferredFetch) {
	if d.state == pending {
		d.state = sent
		p.start(p.fetches.lasting, d.request, nil)
	}
}

// processDeferred sends all deferred fetches (Fetch, "process deferred fetches").
func (p *Page) processDeferred() {
	for _, d := range p.fetches.deferred {
		p.process(d)
	}
	p.fetches.deferred = nil
}
