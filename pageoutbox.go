package beacon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

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
	ended   chan struct{} // closed when nobody delivers any more: the folder was deleted
	flights sync.Map      // *flight by Idempotency-Key
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
	if box := pageOutboxes[c.Outbox]; box != nil {
		select {
		case <-box.ended:
			box.Close()
		default:
			return box, nil
		}
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
				Outbox: s, config: *c, client: deliver.NewClient(c.TLS),
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
		Fetch: b.fetch, Eager: true, Wake: b.wake, Log: b.config.Logger,
	})
	if err != nil {
		b.config.Logger.Warn("delivery of the pages' beacons stopped, the next one begins it again", "error", err)
	}
}

// send keeps the record and has it delivered at once.
func (b *pageOutbox) send(d *draft, c *Config, f *flight) error {
	key := d.header[2].Value
	b.flights.Store(key, f)
	if err := b.Append(d.record, c.Capacity, c.Durability == Power); err != nil {
		b.flights.Delete(key)
		return err
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
	if canDetach() && !c.InProcess && b.heir.CompareAndSwap(false, true) {
		if err := startHeir(b.Dir(), c.Patience, func() { b.heir.Store(false) }); err != nil {
			b.heir.Store(false)
			c.Logger.Warn("who delivers after this process can't be started; the next one delivers", "error", err)
		}
	}
	return nil
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
	q.Page, q.OnDrop = f.navigator.Page.fetchPage(), f.release
	res, err := f.navigator.seeOff(ctx, q, b.client)
	var blocked *fetch.BlockedError
	if err == nil || errors.As(err, &blocked) {
		b.flights.Delete(key)
	}
	return res, err
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
	res, err := n.Page.Intercept(ctx, r)
	if res == nil && err == nil {
		return client.Do(ctx, q)
	}
	if res, err = r.accept(res, err); err != nil {
		return fetch.Response{}, &fetch.BlockedError{Reason: err.Error()}
	}
	return fetch.Response{Status: res.Status}, nil
}
