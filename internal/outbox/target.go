//go:build !js

package outbox

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/nlnwa/whatwg-url/url"
	"github.com/seed-d051cf5a/beacon/internal/fetch"
)

// A Target is a parsed URL, with the network by which this process reaches it.
type Target struct {
	Href    string // without the fragment
	given   string // that was parsed
	base    string
	env     fetch.Environment
	checked atomic.Int64 // when env was compared with the environment last, Unix time in milliseconds
	host    string
	path    string // and query
	network fetch.Network
}

// Targets has the URL that was parsed last. Most programs send to one URL. The zero value is ready; it is safe
// for concurrent use.
type Targets struct{ last atomic.Pointer[Target] }

// Get returns the target of a URL, relative to a base. parse parses the URL.
func (ts *Targets) Get(given, base string, parse func() (*url.Url, error)) (*Target, error) {
	last, now := ts.last.Load(), time.Now().UnixMilli()
	same := last != nil && last.given == given && last.base == base
	if same && last.checked.Load() == now {
		return last, nil
	}
	env := fetch.ReadEnvironment()
	if same && last.env == env {
		last.checked.Store(now)
		return last, nil
	}
	u, err := parse()
	if err != nil {
		return nil, err
	}
	t := &Target{
		given: strings.Clone(given), base: base, env: env,
		Href: u.Href(true), host: u.Host(), path: u.Pathname() + u.Search(), network: env.Network(u.Scheme(), u.Host()),
	}
	ts.last.Store(t)
	return t, nil
}
