package page

import (
	"math"
	"slices"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// The quotas of deferred fetches in bytes ("available deferred-fetch quota"): that of a
// page, which is 640 KiB without the 128 that are kept for frames, and that of one origin.
const (
	deferredPerPage   = 512 << 10
	deferredPerOrigin = 64 << 10
)

// maxDelay is the longest time in milliseconds that anybody waits for: a century.
const maxDelay = 100 * 365 * 24 * 3600 * 1000

// A deferredFetch is Fetch, "deferred fetch record", and the slots of its FetchLaterResult.
type deferredFetch struct {
	request   *beacon.Request
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

// defineFetchLater is Fetch, fetchLater and FetchLaterResult.
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
		// DOMHighResTimeStamp is a restricted double.
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

// requestLength is "total request length".
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

// deferredQuota is "available deferred-fetch quota".
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

// process is "process a deferred fetch". It outlives the page, and has a quota of its own.
func (p *Page) process(d *deferredFetch) {
	if d.state == pending {
		d.state = sent
		p.start(p.fetches.lasting, d.request, nil)
	}
}

// processDeferred is "process deferred fetches".
func (p *Page) processDeferred() {
	for _, d := range p.fetches.deferred {
		p.process(d)
	}
	p.fetches.deferred = nil
}
