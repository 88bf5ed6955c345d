package deliver

import "time"

const (
	// Where others wait for a slot, an attempt is cut short after cutBase times the slots, divided by those
	// that wait: at least cutLeast, at first cutMost at most, and twice as long after each cut.
	cutBase, cutLeast, cutMost = 2 * time.Second, 100 * time.Millisecond, time.Second
	// cutAnswers is how many times the last good answer's time an attempt has at least.
	cutAnswers = 3

	timeOutPause = time.Second
)

// timeOut cancels attempts that take longer than attemptTime. It looks once in timeOutPause, which costs
// less than a timer for each attempt. It returns when to look next, or the zero time.
func (s *schedule) timeOut(now time.Time) (next time.Time) {
	if len(s.attempts) == 0 {
		return next
	}
	if now.Sub(s.timedOut) >= timeOutPause {
		s.timedOut = now
		for a := range s.attempts {
			if !a.cut && now.Sub(a.began) >= attemptTime {
				a.timedOut = true
				a.cancel()
			}
		}
	}
	return s.timedOut.Add(timeOutPause)
}

// cut cancels attempts that have waited long for their server, where others wait for their slots: the
// longest of them first. It returns when the next one is due, or the zero time.
func (s *schedule) cut(now time.Time) (next time.Time) {
	next = s.timeOut(now)
	if s.eager {
		return next
	}
	pools := [2]struct{ slots, used, waiters int }{
		{slotsProven, s.slots[classProven], s.count[classProven]},
		{slotsOther, s.slots[classFresh] + s.slots[classFailing], s.count[classFresh] + s.count[classFailing]},
	}
	for pool, p := range pools {
		if p.used < p.slots {
			pools[pool].waiters = 0 // what waits has other reasons
		}
	}
	if pools[0].waiters+pools[1].waiters+s.unproven == 0 {
		return next
	}
	for {
		var longest *attempt
		for a := range s.attempts {
			o, pool := a.lane.origin, 0
			if a.class != classProven {
				pool = 1
			}
			slots, waiters := pools[pool].slots, pools[pool].waiters
			if a.unproven && o.blocked > 0 && (waiters == 0 || o.most()/2*waiters < slots*o.blocked) {
				slots, waiters = o.most()/2, o.blocked
			}
			if waiters <= 0 || a.cut {
				continue
			}
			at := a.began.Add(cutAfter(slots, waiters, max(o.cuts, a.lane.cuts), o.best))
			if at.After(now) {
				if next.IsZero() || at.Before(next) {
					next = at
				}
			} else if longest == nil || a.began.Before(longest.began) {
				longest = a
			}
		}
		if longest == nil {
			return next
		}
		longest.cut = true
		longest.cancel()
		if longest.class == classProven {
			pools[0].waiters--
		} else {
			pools[1].waiters--
		}
		if longest.unproven {
			longest.lane.origin.blocked--
		}
	}
}

// cutAfter is how long an attempt has before it is cut short.
func cutAfter(slots, waiters, cuts int, best time.Duration) time.Duration {
	limit := min(max(cutBase*time.Duration(slots)/time.Duration(waiters), cutLeast), cutMost)
	return min(max(limit<<min(cuts, 16), cutAnswers*best), attemptTime)
}
