package query

import (
	"crypto/sha256"
	"strings"
	"sync"
	"time"
)

const (
	// refuseFor is how long a query that ended a process is refused.
	refuseFor = 5 * time.Minute
	// maxRefused is the most entries of the map. The entry that ends first is deleted for a new one.
	maxRefused = 1000
)

// refusals are the queries that ended a process, by the hash of their SQL.
type refusals struct {
	mu sync.Mutex
	by map[[sha256.Size]byte]refusal
}

type refusal struct {
	reason string
	until  time.Time
}

func hashOf(sql string) [sha256.Size]byte { return sha256.Sum256([]byte(strings.TrimSpace(sql))) }

// add refuses the query for refuseFor.
func (r *refusals) add(sql, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[[sha256.Size]byte]refusal{}
	}
	now := time.Now()
	var first [sha256.Size]byte
	for hash, old := range r.by {
		if old.until.Before(now) {
			delete(r.by, hash)
		} else if r.by[first].until.IsZero() || old.until.Before(r.by[first].until) {
			first = hash
		}
	}
	if len(r.by) >= maxRefused {
		delete(r.by, first)
	}
	r.by[hashOf(sql)] = refusal{reason, now.Add(refuseFor)}
}

// check returns an error of the kind ErrRefused if the query is refused.
func (r *refusals) check(sql string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.by[hashOf(sql)]
	if !ok || !time.Now().Before(old.until) {
		return nil
	}
	return failed(ErrRefused, "this query ended the engine's process before (%s) and is refused until %s: write the query in another way", old.reason, old.until.UTC().Format(time.RFC3339))
}
