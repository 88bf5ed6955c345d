package fetch

import "sync/atomic"

// Quota is the most bytes that the bodies of a fetch group's unfinished keepalive requests
// can have together: 64 kibibytes (Fetch, "HTTP-network-or-cache fetch", step 8.10).
const Quota = 64 << 10

// A Group is a page's fetch group (Fetch, "Fetch groups"), as far as its quota goes. The
// zero Group is empty. It is safe for concurrent use.
type Group struct{ inFlight atomic.Int64 }

// Reserve takes n bytes of the quota, or says that they are not there. A body without
// bytes passes always. Call release when the request is finished, however it finished;
// calls after the first do nothing.
func (g *Group) Reserve(n int) (release func(), ok bool) {
	if n <= 0 {
		return func() {}, true
	}
	for {
		inFlight := g.inFlight.Load()
		if int64(n) > Quota-inFlight {
			return func() {}, false
		}
		if g.inFlight.CompareAndSwap(inFlight, inFlight+int64(n)) {
			break
		}
	}
	var released atomic.Bool
	return func() {
		if !released.Swap(true) {
			g.inFlight.Add(-int64(n))
		}
	}, true
}
