package collect

import (
	"hash/maphash"
	"net/http"
	"sync"
	"time"
)

// maxAge is how many seconds a browser may remember a preflight's answer; browsers cut
// it to what they allow themselves.
const maxAge = "86400"

// preflight answers what a browser asks before a beacon whose Content-Type is not
// CORS-safelisted (Fetch, "CORS-preflight fetch").
func (c *Collector) preflight(w http.ResponseWriter, r *http.Request) {
	if no := c.checkOrigin(w, r); no != nil {
		c.metrics.preflightsRefused.Inc()
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
		c.metrics.preflights.Inc()
		if r.Header.Get("Access-Control-Request-Method") == http.MethodPost { // of others no beacon follows
			c.preflights.asked(c.preflights.key(r, c.from(r)), time.Now())
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

const (
	// orphanAge is how long after its preflight a POST may come. Browsers send it at once; a
	// page that is gone by then never does.
	orphanAge = 30 * time.Second
	// preflightsKept bounds those that wait for their POST; more are not looked after.
	preflightsKept = 1 << 16
)

// preflights are those whose POST has not come yet. One that never does is an orphan: a
// beacon that was lost because its page went away while the browser was still asking whether
// it may be sent. The zero preflights is ready.
type preflights struct {
	mu      sync.Mutex
	seed    maphash.Seed
	waiting map[uint64]time.Time // when each was asked
	orphans uint64
	looked  time.Time
}

// key is the same for a preflight and its POST. The sender's address is in it, and is
// nowhere but in memory.
func (p *preflights) key(r *http.Request, from sender) uint64 {
	p.mu.Lock()
	if p.waiting == nil {
		p.seed, p.waiting = maphash.MakeSeed(), map[uint64]time.Time{}
	}
	p.mu.Unlock()
	return maphash.String(p.seed, from.address.String()+" "+r.Header.Get("Origin")+" "+r.Host+" "+r.RequestURI)
}

func (p *preflights) asked(key uint64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look(now)
	if len(p.waiting) < preflightsKept {
		p.waiting[key] = now
	}
}

// came says that a POST did.
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

// count is how many orphans there were until now.
func (p *preflights) count(now time.Time) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look(now)
	return p.orphans
}

// look counts those that are too old to wait for, at most once a second.
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
