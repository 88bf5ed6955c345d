package beacon

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// maxPageOutboxes is how many processes can have pages with one outbox at a time.
const maxPageOutboxes = 1000

// A pageOutbox is one of the folders pages/0, pages/1, … of an outbox. The beacons of pages are delivered by
// the process of the pages, because that has their cookies, CORS-preflight cache and hooks. So each process
// has a folder of its own, and holds its lock while it lives. When it has ended, a standby delivers the rest;
// without Start the next process does that takes the first free folder.
type pageOutbox struct {
	*spool.Outbox
	config  Config // of the navigator that opened it
	client  *fetch.Client
	wake    chan struct{}
	ended   chan struct{} // closed when delivery has stopped, because the folder was deleted or can't be read
	flights *sync.Map     // *flight by Idempotency-Key
	standby atomic.Bool   // one runs
}

// A flight is a beacon whose page still exists.
type flight struct {
	navigator *Navigator
	release   func() // returns its bytes to the page's quota
}

var (
	pageOutboxesMu sync.Mutex
	pageOutboxes   = map[string]*pageOutbox{} // by the directory of their outbox
)

func openPageOutbox(c *Config) (*pageOutbox, error) {
	pageOutboxesMu.Lock()
	defer pageOutboxesMu.Unlock()
	flights := new(sync.Map)
	if box := pageOutboxes[c.Outbox]; box != nil {
		select {
		case <-box.ended:
			box.Close()
			flights = box.flights
		default:
			return box, nil
		}
	} else {
		defer adoptPages(c)
	}
	outer, err := spool.OpenOutbox(c.Outbox)
	if err != nil {
		return nil, err
	}
	outer.Close()
	for i := range maxPageOutboxes {
		s, err := spool.OpenOutbox(filepath.Join(c.Outbox, "pages", strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		lock, err := s.TryLock()
		if lock != nil {
			box := &pageOutbox{
				Outbox: s, config: *c, client: pageClient(c.TLS), flights: flights,
				wake: make(chan struct{}, 1), ended: make(chan struct{}),
			}
			pageOutboxes[c.Outbox] = box
			go box.deliver(lock)
			return box, nil
		}
		s.Close()
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%d processes have pages with the outbox %s: give them other ones", maxPageOutboxes, c.Outbox)
}

func (b *pageOutbox) deliver(lock *os.File) {
	defer close(b.ended)
	_, err := deliver.Drain(context.Background(), b.Outbox, lock, deliver.Deliverer{
		Fetch: b.fetch, Eager: true, OnEnd: b.end, Wake: b.wake, Log: b.config.Logger, Program: program(),
	})
	if err != nil {
		b.config.Logger.Warn("delivery of the pages' beacons stopped, the next one begins it again", "error", err)
	}
}

// send appends the record and has it delivered at once.
func (b *pageOutbox) send(d *draft, c *Config, f *flight) error {
	b.flights.Store(d.key, f)
	if err := b.Append(d.record, c.Capacity, c.Durability == Power); err != nil {
		b.flights.Delete(d.key)
		return err
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
	if canDetach() && !c.InProcess {
		b.ensureStandby()
	}
	return nil
}

// ensureStandby starts a standby, unless one runs. A standby that ends looks for beacons first. If one is
// appended after that, another standby is started.
func (b *pageOutbox) ensureStandby() {
	if !b.standby.CompareAndSwap(false, true) {
		return
	}
	err := startStandby(b.Dir(), b.config.Patience, func() {
		b.standby.Store(false)
		if n, err := b.Waiting(); err == nil && n > 0 {
			b.ensureStandby()
		}
	})
	if err != nil {
		b.standby.Store(false)
		b.config.Logger.Warn("standby can't be started: the next process delivers what this one leaves", "error", err)
	}
}

// end is called when a beacon has its outcome, even if it was never tried.
func (b *pageOutbox) end(id uuid.UUID) {
	if v, ok := b.flights.LoadAndDelete(`"` + id.String() + `"`); ok {
		v.(*flight).release()
	}
}

// pageDirs returns the folders of an outbox for the beacons of pages.
func pageDirs(outbox string) []string {
	dirs, _ := filepath.Glob(filepath.Join(outbox, "pages", "*"))
	return dirs
}

// adoptPages delivers the beacons of pages that ended processes have left.
func adoptPages(c *Config) {
	for _, dir := range pageDirs(c.Outbox) {
		if !spool.Pending(dir) {
			continue
		}
		s, err := spool.OpenOutbox(dir)
		if err != nil {
			continue
		}
		lock, err := s.TryLock()
		if lock == nil || err != nil {
			s.Close() // its process lives
			continue
		}
		if canDetach() && !c.InProcess && detach(dir, lock, c.Patience) == nil {
			lock.Close()
			s.Close()
			continue
		}
		go func() {
			defer s.Close()
			deliver.Drain(context.Background(), s, lock, deliver.Deliverer{
				Fetch: pageClient(c.TLS).Do, Eager: true, Idle: inProcessIdle, Patience: c.Patience, Log: c.Logger,
				Program: program(),
			})
		}()
	}
}

// fetch makes one attempt. For a beacon whose page is gone, the record has the page's settings.
func (b *pageOutbox) fetch(ctx context.Context, q fetch.Request) (fetch.Response, error) {
	key := q.Agent.Get(deliver.KeyHeader)
	v, ok := b.flights.Load(key)
	if !ok {
		return b.client.Do(ctx, q)
	}
	f := v.(*flight)
	// By the standard the beacon is finished after one attempt. To try it again after a network error is this
	// project's addition.
	defer f.release()
	q.Referrer = q.Page.URL // where the page was at the call
	q.Page, q.OnDrop = f.navigator.Page.fetchPage(), f.release
	return f.navigator.intercept(ctx, q, b.client)
}

// intercept sends the request of a beacon, unless the page's Intercept answers it.
func (n *Navigator) intercept(ctx context.Context, q fetch.Request, client *fetch.Client) (fetch.Response, error) {
	if n.Page.Intercept == nil {
		return client.Do(ctx, q)
	}
	if err := q.Check(); err != nil {
		return fetch.Response{}, err
	}
	r := &Request{
		Method: q.Method, URL: q.URL, Header: q.Header, Body: q.Body, Mode: q.Mode, Credentials: q.Credentials,
		Redirect: "follow", Referrer: "about:client", Keepalive: true, Initiator: "beacon",
	}
	res, err := n.Page.Intercept(ctx, r.copy())
	if res == nil && err == nil {
		return client.Do(ctx, q)
	}
	if err != nil {
		// It is tried again, as after a network error.
		return fetch.Response{}, fmt.Errorf("network error: intercepted: %w", err)
	}
	if res, err = r.accept(res, nil); err != nil {
		return fetch.Response{}, &fetch.BlockedError{Reason: err.Error()}
	}
	if res.Type == "opaque" {
		return fetch.Response{Status: http.StatusOK}, nil // its status is hidden
	}
	return fetch.Response{Status: res.Status}, nil
}
