package collect

import (
	"hash/maphash"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// burst is how many seconds' worth of beacons may come at once, because a page sends all that it has
	// when it is closed.
	burst = 10
	// ratesKept bounds the keys of a map of rates. If more keys come within burst seconds, limiters are
	// dropped early, and their keys can exceed the limit.
	ratesKept = 1 << 16
)

// rates limits the beacons of each key to an average a second, with bursts of burst seconds' worth. After
// burst seconds without a beacon a key has its whole burst again, so its limiter is dropped. The zero
// value is ready. It is safe for concurrent use.
type rates[K comparable] struct {
	mu          sync.Mutex
	now, before map[K]*rate.Limiter // of keys seen in this interval of burst seconds, and in the last one
	turned      time.Time           // the begin of this interval
}

// wait counts a beacon of key and returns 0, or returns how long its client has to wait. It does not limit
// anything if perSecond is 0.
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

// neighbourhood returns the network that counts as one address. For IPv6 it is the /64, which one customer
// has.
func neighbourhood(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits)
	return p
}

// checkRate refuses a beacon over the rate of its client IP or its origin.
func (c *Collector) checkRate(r *http.Request, from sender, now time.Time) *refusal {
	if c.options.AddressRate <= 0 && c.options.OriginRate <= 0 {
		return nil
	}
	reason, d := "address-rate", c.addresses.wait(neighbourhood(from.address), c.options.AddressRate, now)
	if origin := r.Header.Get("Origin"); d == 0 && origin != "" {
		reason, d = "origin-rate", c.origins.wait(maphash.String(c.seed, origin), c.options.OriginRate, now)
	}
	if d == 0 {
		return nil
	}
	return &refusal{reason: reason, status: 429, wait: d, text: "Too many beacons: send fewer, or put several into one."}
}
