package collect

import (
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// burst is how many seconds' worth may come at once: a page that goes away sends what it
	// has.
	burst = 10
	// ratesKept bounds the keys that are remembered; who sends from more addresses than that
	// in ten seconds is not held up.
	ratesKept = 1 << 16
)

// rates bounds how often each key comes: so many a second, and burst times that at once. A
// key that has not come for burst seconds has its whole burst again, and is forgotten.
type rates[K comparable] struct {
	mu          sync.Mutex
	now, before map[K]*rate.Limiter // two turns of burst seconds
	turned      time.Time
}

// wait is how long key has to, or 0.
func (rs *rates[K]) wait(key K, perSecond float64, now time.Time) time.Duration {
	if perSecond <= 0 {
		return 0
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if since := now.Sub(rs.turned); since > burst*time.Second || len(rs.now) >= ratesKept {
		rs.now, rs.before, rs.turned = map[K]*rate.Limiter{}, rs.now, now
		if since > 2*burst*time.Second {
			rs.before = nil
		}
	}
	l := rs.now[key]
	if l == nil {
		if l = rs.before[key]; l == nil {
			l = rate.NewLimiter(rate.Limit(perSecond), max(1, int(math.Ceil(burst*perSecond))))
		}
		rs.now[key] = l
	}
	r := l.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

// neighbourhood is what counts as one address: in IPv6 everybody has a /64.
func neighbourhood(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits)
	return p
}

// checkRate refuses what comes too fast.
func (c *Collector) checkRate(r *http.Request, from sender, now time.Time) *refusal {
	if c.options.AddressRate <= 0 && c.options.OriginRate <= 0 {
		return nil
	}
	reason, d := "address-rate", c.addresses.wait(neighbourhood(from.address), c.options.AddressRate, now)
	if origin := r.Header.Get("Origin"); d == 0 && origin != "" {
		reason, d = "origin-rate", c.origins.wait(origin, c.options.OriginRate, now)
	}
	if d == 0 {
		return nil
	}
	return &refusal{reason: reason, status: 429, wait: d, text: "Too many beacons: send fewer, or several as one."}
}
