package collect

import (
	"hash/maphash"
	"net/http"
	"sync"
	"time"
)

// maxAge is how long a browser may cache a preflight's answer, in seconds. Browsers have lower limits of
// their own.
const maxAge = "86400"

// preflight answers a CORS preflight, which a browser sends before a beacon whose Content-Type is not
// CORS-safelisted (Fetch, "CORS-preflight fetch").
func (c *Collector) preflight(w http.ResponseWriter, r *http.Request) {
	if no := c.checkOrigin(w, r); no != nil {
		c.metrics.preflightsRefused.Add(1)
		no.answer(w)
		return
	}
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Allow", "POST, OPTIONS")
	if r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", "POST")
		for _, asked := range r.Header["Access-Control-Request-Headers"] {
			h.Add("Access-Control-Allow-Headers", asked)
		}
		h.Set("Access-Control-Max-Age", maxAge)
		c.metrics.preflights.Add(1)
		if !c.options.Spread && r.Header.Get("Access-Control-Request-Method") == http.MethodPost { // the only method of beacons with a preflight
			c.preflights.asked(c.preflights.key(r, c.from(r)), time.Now())
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

const (
	// orphanAge is how long after its preflight a POST may come. Browsers send it at once, or never if
	// the page is closed before.
	orphanAge = 30 * time.Second
	// preflightsKept is how many preflights can wait for their POST. Further ones are not tracked.
	preflightsKept = 1 << 16
)

// preflights are the preflights whose POST has not come yet. One without a POST within orphanAge is an
// orphan: a beacon that is lost, because its page was closed before the preflight was answered. The zero
// value is ready. It is safe for concurrent use.
type preflights struct {
	mu      sync.Mutex
	seed    maphash.Seed
	waiting map[uint64]time.Time // by key, the time of the preflight
	orphans uint64
	looked  time.Time // the last look
}

// key returns a hash that is the same for a preflight and its POST. The client IP is part of the hash,
// which is only in memory.
func (p *preflights) key(r *http.Request, from sender) uint64 {
	p.mu.Lock()
	if p.waiting == nil {
		p.seed, p.waiting = maphash.MakeSeed(), map[uint64]time.Time{}
	}
	p.mu.Unlock()
	return maphash.String(p.seed, from.address.String()+" "+r.Header.Get("Origin")+" "+r.Host+" "+r.RequestURI)
}

// asked adds a preflight.
func (p *preflights) asked(key uint64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look(now)
	if len(p.waiting) < preflightsKept {
		p.waiting[key] = now
	}
}

// came removes the preflight of a request, if it had one.
func (p *preflights) came(r *http.Request, from sender) {
	p.mu.Lock()
	none := len(p.waiting) == 0
	p.mu.Unlock()
	if none || r.Header.Get("Origin") == "" {
		return
	}
	key := p.key(r, from)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, key)
}

// count returns the number of orphans since the start.
func (p *preflights) count(now time.Time) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look(now)
	return p.orphans
}

// look turns the preflights older than orphanAge into orphans, at most once a second. p.mu is held.
func (p *preflights) look(now time.Time) {
	if now.Sub(p.looked) < time.Second {
		return
	}
	p.looked = now
	for key, asked := range p.waiting {
		if now.Sub(asked) > orphanAge {
			delete(p.waiting, key)
			p.orphans++
		}
	}
}
