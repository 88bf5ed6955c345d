package spool

import "sync"

// groupBytes is the size in bytes at which a group takes no more records.
const groupBytes = 1 << 20

// A group is the records that go to disk together, with one write(2) and one fsync: all
// that come while the group before is on its way there.
type group struct {
	records []byte
	n       int           // how many they are
	done    chan struct{} // closed when they are on disk, or never will be
	err     error         // why they aren't, once done is closed
}

// groups is the group commit of a spool. Nobody but who appends does the work: the first of a
// group takes it to disk, and the others wait for that.
type groups struct {
	disk sync.Mutex // held by who takes a group there

	mu    sync.Mutex
	open  *group   // what takes records still, or nil
	spare [][]byte // the memory of groups before: of two, as one is filled and one written
}

// keep returns when write was given the record, together with others, n in all, and returned.
// Only one write goes on at a time.
func (gs *groups) keep(record []byte, write func(records []byte, n int) error) error {
	g, first := gs.join(record)
	if !first {
		<-g.done
		return g.err
	}
	gs.disk.Lock()
	defer gs.disk.Unlock()
	gs.mu.Lock()
	if gs.open == g {
		gs.open = nil
	}
	gs.mu.Unlock()
	g.err = write(g.records, g.n)
	close(g.done)
	gs.mu.Lock()
	if len(gs.spare) < 2 && len(record) <= groupBytes {
		gs.spare = append(gs.spare, g.records[:0])
	}
	gs.mu.Unlock()
	return g.err
}

func (gs *groups) join(record []byte) (g *group, first bool) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if len(record) > groupBytes {
		return &group{records: record, n: 1, done: make(chan struct{})}, true // alone, and not copied
	}
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
