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

// A pageOutbox is one of the folders pages/0, pages/1, … of an outbox. The beacons of pages
// are delivered in their process, which has the cookies, the CORS-preflight cache and the
// hooks: so each process has a folder of its own, whose lock it holds while it lives. After
// Start an heir delivers when it is dead; else the next one does, which takes the first folder
// that is free.
type pageOutbox struct {
	*spool.Outbox
	config  Config // of who opened it
	client  *fetch.Client
	wake    chan struct{}
	ended   chan struct{} // closed when nobody delivers any more, as the folder was deleted or can't be read
	flights *sync.Map     // *flight by Idempotency-Key
	heir    atomic.Bool   // there is one
}

// A flight is a beacon of a page that is there to see it off.
type flight struct {
	navigator *Navigator
	release   func() // gives its part of the quota back
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

// send keeps the record and has it delivered at once.
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
		b.haveHeir()
	}
	return nil
}

// haveHeir makes sure that there is an heir. One that ends looks for beacons first and is gone
// then; one that was sent in between has another started.
func (b *pageOutbox) haveHeir() {
	if !b.heir.CompareAndSwap(false, true) {
		return
	}
	err := startHeir(b.Dir(), b.config.Patience, func() {
		b.heir.Store(false)
		if n, err := b.Waiting(); err == nil && n > 0 {
			b.haveHeir()
		}
	})
	if err != nil {
		b.heir.Store(false)
		b.config.Logger.Warn("who delivers after this process can't be started; the next one delivers", "error", err)
	}
}

// end is told that a beacon's way has ended, perhaps before it began.
func (b *pageOutbox) end(id uuid.UUID) {
	if v, ok := b.flights.LoadAndDelete(`"` + id.String() + `"`); ok {
		v.(*flight).release()
	}
}

// pageDirs are the folders of an outbox for the beacons of pages.
func pageDirs(outbox string) []string {
	dirs, _ := filepath.Glob(filepath.Join(outbox, "pages", "*"))
	return dirs
}

// adoptPages delivers what processes that are gone have left of their pages' beacons.
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
			s.Close() // a process has it that is alive
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

// fetch is one attempt. A beacon whose page is gone has of it what the record has.
func (b *pageOutbox) fetch(ctx context.Context, q fetch.Request) (fetch.Response, error) {
	key := q.Agent.Get(deliver.KeyHeader)
	v, ok := b.flights.Load(key)
	if !ok {
		return b.client.Do(ctx, q)
	}
	f := v.(*flight)
	// By the standard it is finished now, however it finished; that it is tried again when
	// there was no answer is ours.
	defer f.release()
	q.Referrer = q.Page.URL // where the page was at the call
	q.Page, q.OnDrop = f.navigator.Page.fetchPage(), f.release
	return f.navigator.seeOff(ctx, q, b.client)
}

// seeOff sends the request of a beacon, past the page's hook.
func (n *Navigator) seeOff(ctx context.Context, q fetch.Request, client *fetch.Client) (fetch.Response, error) {
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
		// As where there is no answer: it is tried again.
		return fetch.Response{}, fmt.Errorf("network error: intercepted: %w", err)
	}
	if res, err = r.accept(res, nil); err != nil {
		return fetch.Response{}, &fetch.BlockedError{Reason: err.Error()}
	}
	if res.Type == "opaque" {
		return fetch.Response{Status: http.StatusOK}, nil // nobody may know
	}
	return fetch.Response{Status: res.Status}, nil
}
