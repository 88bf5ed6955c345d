package deliver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// maxRetryAfter bounds a server's Retry-After.
const maxRetryAfter = time.Hour

// settle decides what the end of an attempt means for its beacon, lane and origin. It reports whether
// the server took or refused the beacon.
func (d *Deliverer) settle(a *attempt, now time.Time) (answered bool) {
	if d.OnAttempt != nil {
		d.OnAttempt()
	}
	d.schedule.ended(a)
	// A redirect to another origin loses the header.
	d.lost.reported(a, a.err == nil && a.response.Status >= 200 && a.response.Status < 300 && !a.response.Redirected)
	defer d.schedule.put(a.lane.origin, now)

	switch {
	case a.damage != nil:
		d.settleDamaged(a, now)
		return false
	case a.purged:
		d.outcomes.purge(a.entry)
		return false
	case a.unready != nil:
		if d.fail(a, now, 0, true, a.unready.Error()) {
			d.Log.Warn("beacon can't be sent now, will try again", "url", a.record.Target, "error", a.unready)
		}
		return false
	case a.err == nil:
		return d.settleAnswer(a, now)
	}
	var forbidden *fetch.BlockedError
	switch {
	case errors.As(a.err, &forbidden):
		return d.settleBlocked(a, forbidden, now)
	case a.written.Load():
		if d.fail(a, now, 0, true, d.reason(a)) {
			d.Log.Info("no answer, will try again", "url", a.record.Target, "failures", a.waiting.fails+1, "error", d.reason(a))
		}
		return false
	default:
		if !d.unreachable(a, now) {
			return false
		}
		d.Log.Info("no connection, will try again", "origin", a.lane.origin.name, "failures", a.lane.origin.failures, "error", d.reason(a))
		return false
	}
}

// settleDamaged settles an attempt whose record could not be read.
func (d *Deliverer) settleDamaged(a *attempt, now time.Time) {
	var damage *warc.CorruptError
	switch {
	case errors.Is(a.damage, fs.ErrNotExist):
		d.Log.Warn("beacon is lost: its segment was deleted by another program", "id", a.entry.ID)
		d.outcomes.ended(a.entry)
	case errors.As(a.damage, &damage) || errors.Is(a.damage, warc.ErrShort):
		d.Log.Error("beacon is damaged on disk and was moved to dead/", "error", a.damage)
		d.outcomes.buryDamaged(a.entry, a.damage)
	default:
		d.Log.Warn("outbox can't be read, will try again", "error", a.damage)
		d.fail(a, now, 0, true, "outbox can't be read: "+a.damage.Error())
	}
}

// settleBlocked settles an attempt that the rules of the page or the server ended.
func (d *Deliverer) settleBlocked(a *attempt, forbidden *fetch.BlockedError, now time.Time) bool {
	d.answered(a, now)
	if forbidden.Status >= 200 && forbidden.Status < 300 {
		// The server took it, and the page may not know.
		d.outcomes.arrive(a.entry, fmt.Sprintf("%d, %s", forbidden.Status, forbidden.Reason))
		return true
	}
	d.Log.Warn("beacon may not be sent", "id", a.entry.ID, "origin", a.lane.origin.name, "reason", forbidden.Reason, "status", forbidden.Status)
	d.outcomes.bury(a.entry, a.record, spool.Refused, forbidden.Reason)
	return true
}

// settleAnswer settles an attempt by the server's answer.
func (d *Deliverer) settleAnswer(a *attempt, now time.Time) bool {
	status := a.response.Status
	detail := statusText(status)
	switch {
	case status >= 200 && status < 300 && a.response.Dropped:
		// By the standard a redirected POST goes on as a GET, and that counts as success.
		d.answered(a, now)
		d.Log.Warn("server redirects without the body: send to the URL that it names", "id", a.entry.ID, "url", a.record.Target)
		d.outcomes.bury(a.entry, a.record, spool.Refused, "redirected without the body, then "+detail)
		return true
	case status >= 200 && status < 300:
		d.answered(a, now)
		d.outcomes.arrive(a.entry, detail)
		return true
	case mayChange(status) && a.record.Extra.Get(ModeField) == "": // a page accepts any answer
		a.lane.origin.answered(d.schedule, a, now.Sub(a.began))
		busy := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
		if d.fail(a, now, min(a.response.RetryAfter, maxRetryAfter), busy, detail) {
			d.Log.Info("server can't take the beacon now, will try again", "url", a.record.Target, "status", status, "failures", a.waiting.fails+1)
		}
		return false
	default:
		d.answered(a, now)
		d.Log.Warn("server refused the beacon", "id", a.entry.ID, "url", a.record.Target, "status", status)
		d.outcomes.bury(a.entry, a.record, spool.Refused, detail)
		return true
	}
}

// statusText returns a status as in "404 Not Found".
func statusText(status int) string {
	if status == http.StatusNoContent { // most answers
		return "204 No Content"
	}
	return fmt.Sprintf("%d %s", status, http.StatusText(status))
}

// reason is the text of an attempt's error.
func (d *Deliverer) reason(a *attempt) string {
	if a.cut {
		return fmt.Sprintf("no answer within %v, while other beacons waited", time.Since(a.began).Round(10*time.Millisecond))
	}
	if a.connections.Load() > connectionsMost {
		return "the server closes each new connection before it takes a request"
	}
	if a.timedOut {
		return fmt.Sprintf("no answer within %v", attemptTime)
	}
	return a.err.Error()
}

// answered notes that the server took or refused a beacon.
func (d *Deliverer) answered(a *attempt, now time.Time) {
	a.lane.origin.answered(d.schedule, a, now.Sub(a.began))
	a.lane.succeed(d.schedule, a)
}

// fail puts back a beacon that failed for a reason of its lane or its own. It returns false if the beacon has
// ended instead.
func (d *Deliverer) fail(a *attempt, now time.Time, retryAfter time.Duration, busy bool, reason string) bool {
	if d.endDropped(a) {
		return false
	}
	if a.cut {
		a.lane.cuts++
	}
	until := time.Time{}
	if retryAfter > 0 {
		until = now.Add(retryAfter)
	}
	d.schedule.waiting++
	a.lane.fail(d.schedule, a, now, until, busy, reason)
	return true
}

// unreachable puts back a beacon whose server could not be reached. It returns false if the beacon has ended
// instead.
func (d *Deliverer) unreachable(a *attempt, now time.Time) bool {
	if d.Eager {
		return d.fail(a, now, 0, true, d.reason(a))
	}
	if d.endDropped(a) {
		return false
	}
	o := a.lane.origin
	if a.cut {
		o.cuts++
	}
	d.schedule.waiting++
	o.unreachable(d.schedule, a, now, d.reason(a))
	a.lane.give(a.waiting)
	return true
}

// endDropped ends a beacon that was dropped or must be purged since the attempt began, and reports whether it
// was.
func (d *Deliverer) endDropped(a *attempt) bool {
	switch {
	case a.dropped:
		d.lost.add(&a.record, spool.Dropped)
		d.outcomes.drop(a.entry)
	case d.mustPurge(a):
		d.outcomes.purge(a.entry)
	default:
		return false
	}
	return true
}

// mayChange reports whether the same request can have another answer later.
func mayChange(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusProxyAuthRequired: // the proxy's answer, not the server's
		return true
	}
	return status >= 500
}
