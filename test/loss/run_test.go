//go:build unix

package loss

import (
	"encoding/json"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// patience is how long a page may take to load.
const patience = time.Minute

// A run is all repetitions of one way of leaving in one engine.
type run struct {
	t        *testing.T
	engine   string
	way      way
	site     *site
	receiver *receiver
	*outcome
}

// An outcome is what a run collects.
type outcome struct {
	version  string
	expected []expectation
	back     cell // pages shown again, and how many of them came from the cache
	pending  sync.WaitGroup
}

// An expectation is the event of one page.
type expectation struct {
	strategy strategy
	key      string
}

// A cell is how many events arrived of how many.
type cell struct{ arrived, of int }

// with returns the run for a subtest.
func (r *run) with(t *testing.T) *run {
	inner := *r
	inner.t = t
	return &inner
}

// start starts a browser.
func (r *run) start() browsertest.Browser {
	r.t.Helper()
	b := browsertest.Start(r.t, r.engine)
	r.version = b.Version()
	return b
}

// page returns the URL of a page for a strategy.
func (r *run) page(s strategy, to *receiver) string {
	set := r.way.settings
	set.Strategy, set.To = s.name, "http://"+to.address
	text, err := json.Marshal(set)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.site.url + "/page?settings=" + url.QueryEscape(string(text))
}

// loaded waits until the page is visible, has sent what it sends before it is left, and has its requests
// pending.
func (r *run) loaded(tab browsertest.Tab, s strategy) {
	r.t.Helper()
	r.await(tab, "ready()")
	if s.name == "soFar" {
		time.Sleep(soFarTime)
	}
	if n := r.way.settings.Flights; n > 0 {
		id := r.evaluate(tab, "settings.id")
		r.until("the requests are pending", func() bool {
			r.site.mu.Lock()
			defer r.site.mu.Unlock()
			return r.site.flights[id] == n
		})
	}
}

// expect waits until the page is loaded and expects its event from now on.
func (r *run) expect(tab browsertest.Tab, s strategy) {
	r.t.Helper()
	r.loaded(tab, s)
	r.expected = append(r.expected, expectation{s, r.evaluate(tab, "key()")})
}

// restored counts a page that is shown again.
func (r *run) restored(fromCache bool) {
	r.back.of++
	if fromCache {
		r.back.arrived++
	}
}

// later calls f after a time. The run waits for that.
func (r *run) later(d time.Duration, f func()) {
	r.pending.Go(func() {
		time.Sleep(d)
		f()
	})
}

// evaluate returns a string of the page.
func (r *run) evaluate(tab browsertest.Tab, js string) string {
	r.t.Helper()
	value, err := tab.Evaluate(js)
	text, ok := value.(string)
	if err != nil || !ok {
		r.t.Fatalf("%s: got %v, %v, want a string", js, value, err)
	}
	return text
}

// await waits until JavaScript is true in the tab. Between two pages an exception is usual.
func (r *run) await(tab browsertest.Tab, js string) {
	r.t.Helper()
	var value any
	var err error
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		value, err = tab.Evaluate(js)
		if err == nil && value == true {
			return
		}
		if time.Now().After(deadline) {
			at, _ := tab.Evaluate("location.href + ' ' + document.visibilityState")
			r.t.Fatalf("%s: got %v, %v in %v after %v", js, value, err, at, patience)
		}
	}
}

func (r *run) until(what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// count waits for the events that are missing and returns the cells by the strategies' names.
func (r *run) count() map[string]cell {
	r.pending.Wait()
	wait := r.way.wait
	if wait == 0 {
		wait = 2 * time.Second
	}
	missing := func() bool {
		for _, e := range r.expected {
			if r.site.count(e.key) == 0 {
				return true
			}
		}
		return false
	}
	for deadline := time.Now().Add(wait); missing() && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	cells := map[string]cell{}
	for _, e := range r.expected {
		c, n := cells[e.strategy.name], r.site.count(e.key)
		c.of++
		if n > 0 {
			c.arrived++
		}
		if n > e.strategy.sends {
			r.t.Logf("%s: an event arrived %d times", e.strategy.name, n)
		}
		cells[e.strategy.name] = c
	}
	return cells
}
