package collect

import (
	"hash/maphash"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// notices are what the live page says about senders that need another setting.
type notices struct {
	ignored  pathCounts // GETs with a query that were not stored
	repeated pathCounts // beacons that a client sent again and again
	repeats  repeats
}

// all returns the counts, and a version that changes with them.
func (n *notices) all() (ignored, repeated map[string]uint64, version uint64) {
	ignored, i := n.ignored.all()
	repeated, r := n.repeated.all()
	return ignored, repeated, i + r
}

// maxPaths bounds a pathCounts, and maxPath the bytes of each path.
const (
	maxPaths = 32
	maxPath  = 100
)

// A pathCounts counts by path. It has the most frequent paths: when it is full, a new path replaces the one with
// the lowest count, and goes on from that count (Space-Saving, Metwally et al. 2005).
type pathCounts struct {
	mu    sync.Mutex
	by    map[string]uint64
	total uint64
}

func (p *pathCounts) add(path string) {
	if len(path) > maxPath { // * makes it a pattern of --get
		n := maxPath
		for n > 0 && !utf8.RuneStart(path[n]) {
			n--
		}
		path = path[:n] + "*"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total++
	if p.by == nil {
		p.by = map[string]uint64{}
	}
	if n, known := p.by[path]; known || len(p.by) < maxPaths {
		p.by[path] = n + 1
		return
	}
	least := ""
	for path, n := range p.by {
		if least == "" || n < p.by[least] {
			least = path
		}
	}
	p.by[path] = p.by[least] + 1
	delete(p.by, least)
}

// all returns the counts, and their sum.
func (p *pathCounts) all() (by map[string]uint64, total uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.by), p.total
}

const (
	// repeatLimit is how often the same beacon comes from one client before its sender seems to want another
	// answer: trackers retry three times or more.
	repeatLimit = 4
	// repeatTime is the time in which these count.
	repeatTime = 10 * time.Minute
	// minRepeat is the least size of what is compared, in bytes. A shorter beacon, such as "ping", can be the same
	// each time.
	minRepeat = 16
)

// repeats finds beacons that a client sends again and again. It remembers a hash of the newest beacons, one in
// each slot. It is safe for concurrent use; a count that two goroutines raise at a time may be raised once.
type repeats struct {
	slots [1 << 12]atomic.Uint64 // the upper 56 bits of a hash, and a count
	since atomic.Int64           // Unix time in nanoseconds
}

// again reports whether the same beacon came from the same client repeatLimit times. It is true once for each
// such beacon, and never for a body of more than keepBuffer bytes.
func (rs *repeats) again(seed maphash.Seed, r *warc.Record, from sender, now time.Time) bool {
	size := len(r.Request.Body)
	if r.Request.Method == http.MethodGet {
		size = len(r.Request.Target)
	}
	if size < minRepeat {
		return false
	}
	if since := rs.since.Load(); now.UnixNano()-since > int64(repeatTime) && rs.since.CompareAndSwap(since, now.UnixNano()) {
		for i := range rs.slots {
			rs.slots[i].Store(0)
		}
	}
	var h maphash.Hash
	h.SetSeed(seed)
	address := from.address.As16()
	h.Write(address[:])
	h.WriteString(r.Request.Target)
	h.Write(r.Request.Body)
	sum := h.Sum64()
	slot := &rs.slots[sum%uint64(len(rs.slots))]
	old, n := slot.Load(), uint64(1)
	if old>>8 == sum>>8 {
		n = min(old&0xff+1, 0xff)
	}
	slot.Store(sum&^0xff | n)
	return n == repeatLimit
}
