package beacontest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Beacons returns the beacons that were kept, in the order in which they were.
func (c *Collector) Beacons() []Beacon {
	c.mu.Lock()
	defer c.mu.Unlock()
	times := map[uuid.UUID]int{}
	for _, q := range c.requests {
		times[q.id]++
	}
	beacons := make([]Beacon, len(c.kept))
	for i, q := range c.kept {
		beacons[i] = Beacon{q.Request, times[q.id]}
	}
	return beacons
}

// Requests returns all that came, in the order in which it was read: beacons as often as they
// came, what was refused, has no answer yet or gets none, and preflights.
func (c *Collector) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	requests := make([]Request, len(c.requests))
	for i, q := range c.requests {
		requests[i] = q.Request
	}
	return requests
}

// Preflights returns those of [Collector.Requests] with which browsers ask whether they may
// send (Fetch, "CORS-preflight request").
func (c *Collector) Preflights() (preflights []Request) {
	for _, r := range c.Requests() {
		if isPreflight(r.Method, r.Header) {
			preflights = append(preflights, r)
		}
	}
	return preflights
}

// patience is how long Wait waits.
const patience = 10 * time.Second

var errPatience = fmt.Errorf("waited for %v", patience)

// Wait waits until n beacons are kept, and returns all that are. If that takes more than 10
// seconds the test ends with a list of what did come.
func (c *Collector) Wait(n int) []Beacon {
	c.t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errPatience)
	defer cancel()
	return c.WaitFor(ctx, n)
}

// WaitFor is [Collector.Wait] until ctx is done.
func (c *Collector) WaitFor(ctx context.Context, n int) []Beacon {
	c.t.Helper()
	if err := c.await(ctx, func() bool { return len(c.kept) >= n }); err != nil {
		c.t.Fatalf("beacontest: %d of %d beacons are kept: %v\n%s", len(c.Beacons()), n, err, c.story())
	}
	return c.Beacons()
}

// WaitRequests waits until n requests came, kept or not, answered or not, and returns all
// that did. If that takes more than 10 seconds the test ends with a list of them.
func (c *Collector) WaitRequests(n int) []Request {
	c.t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errPatience)
	defer cancel()
	if err := c.await(ctx, func() bool { return len(c.requests) >= n }); err != nil {
		c.t.Fatalf("beacontest: %d of %d requests came: %v\n%s", len(c.Requests()), n, err, c.story())
	}
	return c.Requests()
}

// story is what came, for whoever waited for something else.
func (c *Collector) story() string {
	var b strings.Builder
	requests := c.Requests()
	if len(requests) == 0 {
		fmt.Fprintf(&b, "nothing came to %s", c.URL)
	} else {
		fmt.Fprintf(&b, "what came to %s:", c.URL)
	}
	for i, r := range requests {
		fmt.Fprintf(&b, "\n%3d. %v", i+1, r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.next); n > 0 {
		fmt.Fprintf(&b, "\nof the Answers, %d had no request that they are for", n)
	}
	return b.String()
}

// change does something to the state, and has all look who wait for it.
func (c *Collector) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
	close(c.changed)
	c.changed = make(chan struct{})
}

// await returns when the state is as asked, or with the cause of ctx's end.
func (c *Collector) await(ctx context.Context, asked func() bool) error {
	for {
		c.mu.Lock()
		done, changed := asked(), c.changed
		c.mu.Unlock()
		if done {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}
