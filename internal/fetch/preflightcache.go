package fetch

import (
	"strings"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
)

// maxPreflights bounds a page's cache, in entries.
const maxPreflights = 1000

// A preflightCache is Fetch's CORS-preflight cache, a page's own. A network partition key
// is thereby no part of it.
type preflightCache struct {
	mu      sync.Mutex
	expires map[preflightEntry]time.Time
}

// A preflightEntry is a cache entry, without its max-age. Either the method or the header
// name, in lower case, is set.
type preflightEntry struct {
	origin, url  string
	credentials  bool
	method, name string
}

func (f *fetching) preflightEntry(credentials bool) preflightEntry {
	return preflightEntry{origin: f.serializedOrigin(), url: f.url().Href(true), credentials: credentials}
}

// allows says whether the request needs no preflight (HTTP fetch, step 5.1).
func (c *preflightCache) allows(f *fetching) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !fetchrules.IsSafelistedMethod(f.Method) && c.methods(f, f.Method) == nil {
		return false
	}
	for _, name := range fetchrules.UnsafeNames(f.Header) {
		if c.names(f, name) == nil {
			return false
		}
	}
	return true
}

// methods are the entries of a "method cache entry match".
func (c *preflightCache) methods(f *fetching, method string) []preflightEntry {
	return c.matches(f, func(e *preflightEntry, wildcard bool) {
		e.method = method
		if wildcard {
			e.method = "*"
		}
	})
}

// names are the entries of a "header-name cache entry match".
func (c *preflightCache) names(f *fetching, name string) []preflightEntry {
	return c.matches(f, func(e *preflightEntry, wildcard bool) {
		e.name = strings.ToLower(name)
		if wildcard && e.name != "authorization" {
			e.name = "*"
		}
	})
}

// matches are the entries that are good for the request (Fetch, "cache entry match").
func (c *preflightCache) matches(f *fetching, set func(e *preflightEntry, wildcard bool)) (found []preflightEntry) {
	now := time.Now()
	for _, credentials := range [...]bool{true, false} {
		if !credentials && f.Credentials == "include" {
			continue
		}
		for _, wildcard := range [...]bool{false, true} {
			e := f.preflightEntry(credentials)
			set(&e, wildcard)
			if now.Before(c.expires[e]) {
				found = append(found, e)
			}
		}
	}
	return found
}

// keep is Fetch, "CORS-preflight fetch", steps 7.12 to 7.15.
func (c *preflightCache) keep(f *fetching, maxAge time.Duration, methods, names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := time.Now().Add(maxAge)
	entry := f.preflightEntry(f.Credentials == "include")
	for _, method := range methods {
		entry.method, entry.name = method, ""
		c.set(entry, c.methods(f, method), until)
	}
	for _, name := range names {
		entry.method, entry.name = "", strings.ToLower(name)
		c.set(entry, c.names(f, name), until)
	}
}

// set keeps the entry, or for longer those that match in its place.
func (c *preflightCache) set(entry preflightEntry, matching []preflightEntry, until time.Time) {
	for _, e := range matching {
		c.expires[e] = until
	}
	now := time.Now()
	if len(matching) > 0 || !now.Before(until) {
		return
	}
	if c.expires == nil {
		c.expires = map[preflightEntry]time.Time{}
	}
	if len(c.expires) >= maxPreflights {
		for e, t := range c.expires {
			if !now.Before(t) {
				delete(c.expires, e)
			}
		}
		if len(c.expires) >= maxPreflights {
			clear(c.expires) // "may be removed before that moment arrives"
		}
	}
	c.expires[entry] = until
}

// clear is Fetch, "clear cache entries".
func (c *preflightCache) clear(f *fetching) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := f.preflightEntry(false)
	for e := range c.expires {
		if e.origin == key.origin && e.url == key.url {
			delete(c.expires, e)
		}
	}
}
