package spool

import (
	"errors"
	"runtime"
	"sync"
	"time"
)

const (
	// groupBytes is the size in bytes at which a group takes no more records.
	groupBytes = 1 << 20
	// stalledBytes is how many bytes of records may wait for the disk.
	stalledBytes = 32 << 20
)

// ErrSlow says that the disk takes too long. The record may get there yet.
var ErrSlow = errors.New("the disk takes too long")

// A group is the records that go to disk together, with one write(2) and one fsync: all
// that come while the group before is on its way there.
type group struct {
	records []byte
	n       int // how many they are

	settled sync.Once
	done    chan struct{} // closed when they are on disk, or never will be, or nobody waits longer
	err     error         // why they aren't there, once done is closed
}

func (g *group) settle(err error) {
	g.settled.Do(func() {
		g.err = err
		close(g.done)
	})
}

// groups is the group commit of a spool: while one group is on its way to disk, the next one
// gathers.
type groups struct {
	patience time.Duration // after which a group's error is ErrSlow; 0 is never

	disk sync.Mutex // held by who takes a group there

	mu      sync.Mutex
	open    *group   // what takes records still, or nil
	waiting int      // bytes of all groups that are not written yet
	spare   [][]byte // the memory of groups before: of two, as one is filled and one written
}

// keep returns when write was given the record, together with others, n in all, and returned,
// or when patience is at its end. Only one write goes on at a time.
func (gs *groups) keep(record []byte, write func(records []byte, n int) error) error {
	g, first := gs.join(record)
	if g == nil {
		return ErrSlow
	}
	if first {
		if gs.patience > 0 {
			// Nobody who waits for an answer is stuck in the write.
			slow := time.AfterFunc(gs.patience, func() { g.settle(ErrSlow) })
			go func() {
				gs.take(g, write)
				slow.Stop()
			}()
		} else {
			gs.take(g, write)
		}
	}
	<-g.done
	return g.err
}

// take takes a group to disk.
func (gs *groups) take(g *group, write func(records []byte, n int) error) {
	gs.disk.Lock()
	defer gs.disk.Unlock()
	runtime.Gosched() // who is about to join does: a round costs the same for one as for many
	gs.mu.Lock()
	if gs.open == g {
		gs.open = nil
	}
	gs.mu.Unlock()
	err := write(g.records, g.n)
	gs.mu.Lock()
	gs.waiting -= len(g.records)
	if len(gs.spare) < 2 && cap(g.records) <= 2*groupBytes {
		gs.spare = append(gs.spare, g.records[:0])
	}
	gs.mu.Unlock()
	g.settle(err)
}

// join returns the group that the record is in, and whether it is the first there; nil where
// too much waits already.
func (gs *groups) join(record []byte) (g *group, first bool) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.patience > 0 && gs.waiting > 0 && gs.waiting+len(record) > stalledBytes {
		return nil, false
	}
	gs.waiting += len(record)
	if gs.open == nil || len(gs.open.records)+len(record) > groupBytes {
		gs.open, first = &group{done: make(chan struct{})}, true
		if n := len(gs.spare); n > 0 {
			gs.open.records, gs.spare = gs.spare[n-1], gs.spare[:n-1]
		}
	}
	gs.open.records = append(gs.open.records, record...)
	gs.open.n++
	return gs.open, first
}
