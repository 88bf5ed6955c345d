package deliver

import (
	"container/heap"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// settleAll settles r and the results that have come with it, and says whether a server was
// there.
func (d *Deliverer) settleAll(r result) (answered bool) {
	answered = d.settle(r)
	for {
		select {
		case r := <-d.results:
			answered = d.settle(r) || answered
		default:
			return answered
		}
	}
}

// settle decides what an attempt's end means for its beacon and its origin, and says
// whether the server was there and took or refused it.
func (d *Deliverer) settle(r result) (answered bool) {
	if d.OnAttempt != nil {
		d.OnAttempt()
	}
	p, o := r.parcel, r.parcel.origin
	d.inFlight--
	o.inFlight--

	var damage *warc.CorruptError
	var forbidden *fetch.BlockedError
	switch {
	case errors.Is(r.damage, fs.ErrNotExist):
		d.Log.Warn("beacon is gone: its segment was deleted by somebody else", "id", p.entry.ID)
		d.outcomes.ended(p.entry)
		return false
	case errors.As(r.damage, &damage) || errors.Is(r.damage, warc.ErrShort):
		d.Log.Error("beacon is damaged on disk and was set aside", "id", p.entry.ID, "error", r.damage)
		d.outcomes.buryDamaged(p.entry, r.damage)
		return false
	case r.damage != nil:
		d.Log.Warn("outbox can't be read, will try again", "error", r.damage)
		d.again(p, 0)
		return false
	case errors.As(r.err, &forbidden) && forbidden.Status >= 200 && forbidden.Status < 300:
		// The server has it, if the page may not know.
		o.answered(p)
		d.outcomes.arrive(p.entry, fmt.Sprintf("%d, %s", forbidden.Status, forbidden.Reason))
		return true
	case errors.As(r.err, &forbidden):
		// The page's rules, or the server's, don't let it go there; or it got there, and was
		// refused.
		d.Log.Warn("beacon may not be sent", "id", p.entry.ID, "origin", o.name, "reason", forbidden.Reason, "status", forbidden.Status)
		d.outcomes.bury(p.entry, r.record, spool.Refused, forbidden.Reason)
		return true
	case r.err != nil:
		d.fail(p, 0)
		d.Log.Info("no answer, will try again", "origin", o.name, "attempt", p.failures, "error", r.err)
		return false
	}

	o.known = true
	status := r.response.Status
	detail := fmt.Sprintf("%d %s", status, http.StatusText(status))
	switch {
	case status >= 200 && status < 300 && r.response.Dropped:
		// The standard has a redirected POST go on as a GET, and calls that success.
		o.answered(p)
		d.Log.Warn("server redirects without the body: send to the URL that it names", "id", p.entry.ID, "origin", o.name)
		d.outcomes.bury(p.entry, r.record, spool.Refused, "redirected without the body, then "+detail)
		return true
	case status >= 200 && status < 300:
		o.answered(p)
		d.outcomes.arrive(p.entry, detail)
		return true
	case mayChange(status) && r.record.Extra.Get(ModeField) == "": // a page takes any answer for one
		d.fail(p, r.response.RetryAfter)
		d.Log.Info("server can't take it now, will try again", "origin", o.name, "status", status, "attempt", p.failures)
		return false
	default:
		o.answered(p)
		d.Log.Warn("server refused the beacon", "id", p.entry.ID, "origin", o.name, "status", status)
		d.outcomes.bury(p.entry, r.record, spool.Refused, detail)
		return true
	}
}

// answered forgets the origin's failures, unless this attempt began before the last one: a
// server that has said since to wait is still to be waited for.
func (o *origin) answered(p *parcel) {
	if p.round == o.failures {
		o.failures, o.notBefore = 0, time.Time{}
	}
}

// mayChange says whether the same request can have another answer later.
func mayChange(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusProxyAuthRequired: // which is the proxy's answer, not the server's
		return true
	}
	return status >= 500
}

// fail puts the beacon back, and its origin off: each by its own count of failures, and
// not before the server said. Attempts that were under way together and fail together
// are one failure of the origin.
func (d *Deliverer) fail(p *parcel, retryAfter time.Duration) {
	o := p.origin
	if p.round == o.failures {
		o.failures++
		o.notBefore = time.Now().Add(backoff(o.failures))
	}
	retryAfter = min(retryAfter, maxRetryAfter)
	if at := time.Now().Add(retryAfter); at.After(o.notBefore) {
		o.notBefore = at
	}
	d.again(p, retryAfter)
}

func (d *Deliverer) again(p *parcel, atLeast time.Duration) {
	p.failures++
	p.notBefore = time.Now().Add(max(backoff(p.failures), atLeast))
	heap.Push(&p.origin.later, p)
}
