//go:build !js

package outbox

import (
	"context"
	"fmt"
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

// maxPages is how many processes can have pages with one outbox at a time.
const maxPages = 1000

// Pages keeps the beacons of this process's pages in one of the folders pages/0, pages/1, … of an outbox. The
// process of the pages delivers them, because it has their cookies, CORS-preflight cache and hooks. So each
// process has a folder of its own, and holds its lock while it lives. When it has ended, a standby delivers
// the rest; without Detach the next process with pages delivers it. It is safe for concurrent use.
type Pages struct {
	outer *Outbox
	// fetch makes an attempt, or returns false if the beacon is not of a page of this process that still exists.
	fetch func(context.Context, string, fetch.Request) (res fetch.Response, ours bool, err error)
	onEnd func(id string)

	mu     sync.Mutex
	folder *folder // or nil
}

// A folder is what Pages has open.
type folder struct {
	*spool.Outbox
	wake    chan struct{}
	ended   chan struct{} // closed when delivery has stopped, because the folder was deleted or can't be read
	standby atomic.Bool   // one runs
}

// OpenPages opens the outbox for pages. fetch makes an attempt for the beacon with an Idempotency-Key, or
// returns false if its page is gone. onEnd is called with the id of a beacon that has its outcome.
func OpenPages(c Config, fetch func(ctx context.Context, key string, q fetch.Request) (res fetch.Response, ours bool, err error), onEnd func(id string)) (*Pages, error) {
	outer, err := Open(c)
	if err != nil {
		return nil, err
	}
	p := &Pages{outer: outer, fetch: fetch, onEnd: onEnd}
	outer.adoptPages()
	return p, nil
}

// Append appends a record, which is delivered at once. The error is ErrFull, ErrClosed or the disk's.
func (p *Pages) Append(record []byte) error {
	f, err := p.open()
	if err != nil {
		return err
	}
	c := &p.outer.config
	if err := f.Append(record, c.Capacity, c.Durable); err != nil {
		return err
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
	if detached.Load() && !c.InProcess {
		p.ensureStandby(f)
	}
	return nil
}

// open returns the folder. It opens one at the first call, and when the delivery of the last one has ended.
func (p *Pages) open() (*folder, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.outer.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if f := p.folder; f != nil {
		select {
		case <-f.ended:
			f.Close()
			p.folder = nil
		default:
			return f, nil
		}
	}
	dir := p.outer.Dir()
	for i := range maxPages {
		s, err := spool.OpenOutbox(filepath.Join(dir, "pages", strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		lock, err := s.TryLock()
		if lock != nil {
			f := &folder{Outbox: s, wake: make(chan struct{}, 1), ended: make(chan struct{})}
			if !p.outer.begin(func() { p.deliver(f, lock) }) {
				lock.Close()
				s.Close()
				return nil, ErrClosed
			}
			p.folder = f
			return f, nil
		}
		s.Close()
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%d processes have pages with the outbox %s: give them other ones", maxPages, dir)
}

func (p *Pages) deliver(f *folder, lock *os.File) {
	defer close(f.ended)
	_, err := deliver.Drain(p.outer.ctx, f.Outbox, lock, deliver.Deliverer{
		Fetch: func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
			if res, ours, err := p.fetch(ctx, q.Agent.Get(deliver.KeyHeader), q); ours {
				return res, err
			}
			return p.outer.client.Do(ctx, q) // the record has the page's settings
		},
		Eager: true, OnEnd: func(id uuid.UUID) { p.onEnd(id.String()) }, Wake: f.wake, Log: p.outer.log, Program: program(),
	})
	if err != nil {
		p.outer.log.Warn("delivery of the pages' beacons stopped, the next one begins it again", "error", err)
	}
}

// ensureStandby starts a standby, unless one runs. A standby that ends looks for beacons first. If one is
// appended after that, another standby is started.
func (p *Pages) ensureStandby(f *folder) {
	if !f.standby.CompareAndSwap(false, true) {
		return
	}
	err := startStandby(f.Dir(), func(error) {
		f.standby.Store(false)
		if n, err := f.Waiting(); err == nil && n > 0 && p.outer.ctx.Err() == nil {
			p.ensureStandby(f)
		}
	})
	if err != nil {
		f.standby.Store(false)
		p.outer.warn("standby can't be started: the next process delivers what this one leaves", err)
	}
}

// Flush waits until every beacon that this process appended has an outcome. The error wraps ctx's, with the
// number of beacons that still wait.
func (p *Pages) Flush(ctx context.Context) error {
	return flush(ctx, p.outer.ctx, func() (int, error) {
		p.mu.Lock()
		f := p.folder
		p.mu.Unlock()
		if f == nil {
			return 0, nil
		}
		n, err := f.Waiting()
		if n > 0 && err == nil {
			_, err = p.open() // its delivery may have ended
		}
		return n, err
	})
}

// Purge is [Outbox.Purge] of the outbox.
func (p *Pages) Purge() error { return p.outer.Purge() }

// Close ends the delivery and closes all files. Beacons that wait stay in the outbox.
func (p *Pages) Close() error {
	err := p.outer.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.folder != nil {
		p.folder.Close()
		p.folder = nil
	}
	return err
}

// pageDirs returns the folders of an outbox for the beacons of pages.
func pageDirs(outbox string) []string {
	dirs, _ := filepath.Glob(filepath.Join(outbox, "pages", "*"))
	return dirs
}

// Folders returns the directory of an outbox and its folders for pages. Each is a spool with a deliverer of its
// own.
func Folders(outbox string) []string { return append([]string{outbox}, pageDirs(outbox)...) }

// adoptPages delivers the beacons of pages that ended processes have left.
func (b *Outbox) adoptPages() {
	for _, dir := range pageDirs(b.Dir()) {
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
		if detached.Load() && !b.config.InProcess && startDeliverer(roleDeliverer, dir, lock, func(error) {}) == nil {
			lock.Close()
			s.Close()
			continue
		}
		if b.begin(func() {
			defer s.Close()
			deliver.Drain(b.ctx, s, lock, deliver.Deliverer{
				Fetch: b.client.Do, Eager: true, Idle: inProcessIdle, Patience: defaultPatience, Log: b.log, Program: program(),
			})
		}) {
			continue
		}
		lock.Close()
		s.Close()
	}
}
