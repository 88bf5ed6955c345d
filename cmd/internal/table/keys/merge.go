package keys

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"
)

// A merge makes one run of several runs of a generation, in a goroutine. The Set reads the inputs
// until it collects the output. All methods accept a nil merge.
type merge struct {
	dir    string
	inputs []*run // adjacent in age
	stop   atomic.Bool
	done   chan struct{}
	output *run  // after done
	err    error // after done
}

const (
	// growth bounds the number of runs: a run is merged with all newer ones as soon as those have
	// growth times its entries. A key is rewritten about log4(keys / 65,536) times.
	growth = 3
	// idleShare is for a generation to which the latest flush added no run: a run is merged with all
	// newer ones when those have at least 1/idleShare of its entries.
	idleShare = 8
)

var errStopped = errors.New("the merge of keys was stopped")

// flush writes the keys in memory as runs, one for each generation, and begins a new journal.
// Where it fails, the keys remain in memory and in the journal.
func (s *Set) flush() error {
	if err := s.collect(len(s.runs) >= s.limits.runs); err != nil {
		return err
	}
	entries := s.sorted[:0]
	for k, v := range s.memory {
		entries = append(entries, entry{k, v})
	}
	s.sorted = entries
	slices.SortFunc(entries, entry.compare)
	generations := map[int64]int{}
	for i := range entries {
		generations[generationOf(entries[i].at)]++
	}
	var runs []*run
	err := func() error {
		for g, n := range generations {
			r, err := s.writeRun(g, entries, n)
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		// The keys are durable in the runs before the journal that has them is replaced.
		if err := durable.SyncDir(s.dir); err != nil {
			return fmt.Errorf("write keys: %w", err)
		}
		return nil
	}()
	number := s.journal.number
	if err == nil {
		err = s.switchJournal(number+1, emptyFrame(nil))
	}
	if s.journal.number == number {
		for _, r := range runs {
			err = errors.Join(err, r.file.Close())
		}
		return err
	}
	clear(s.memory)
	s.flushed = number
	for _, r := range runs {
		s.insert(r)
		err = errors.Join(err, s.loadFilter(r))
	}
	s.startMerge()
	return err
}

func (s *Set) writeRun(g int64, entries []entry, n int) (*run, error) {
	w, err := createRun(s.dir, header{secret: s.secret, generation: g, first: s.journal.number, last: s.journal.number}, n)
	if err != nil {
		return nil, fmt.Errorf("write keys: %w", err)
	}
	for _, e := range entries {
		if generationOf(e.at) != g {
			continue
		}
		if err := w.add(e); err != nil {
			w.cancel()
			return nil, fmt.Errorf("write keys: %w", err)
		}
	}
	return w.finish()
}

// insert adds a run to s.runs, which is ordered by generation and age.
func (s *Set) insert(r *run) {
	i, _ := slices.BinarySearchFunc(s.runs, r, func(a, b *run) int {
		if a.generation != b.generation {
			return int(min(max(a.generation-b.generation, -1), 1))
		}
		if a.last < b.last {
			return -1
		}
		return 1
	})
	s.runs = slices.Insert(s.runs, i, r)
}

func without(runs []*run, r *run) []*run {
	return slices.DeleteFunc(runs, func(other *run) bool { return other == r })
}

// mergeable returns the runs to merge next: the newest runs of a generation, from the oldest one that
// is small enough in comparison with the newer ones.
func mergeable(runs []*run, flushed uint64) []*run {
	for end := len(runs); end > 0; {
		start := end - 1
		for start > 0 && runs[start-1].generation == runs[end-1].generation {
			start--
		}
		idle := runs[end-1].last != flushed
		newer := uint64(0)
		for _, r := range runs[start:end] {
			newer += r.count
		}
		for i, r := range runs[start : end-1] {
			newer -= r.count
			if newer >= growth*r.count || idle && idleShare*newer >= r.count {
				return slices.Clone(runs[start+i : end])
			}
		}
		end = start
	}
	return nil
}

// startMerge starts the next merge if one is due and none is running.
func (s *Set) startMerge() {
	if s.merge != nil {
		return
	}
	inputs := mergeable(s.runs, s.flushed)
	if inputs == nil {
		return
	}
	s.merge = &merge{dir: s.dir, inputs: inputs, done: make(chan struct{})}
	go func(m *merge) {
		defer close(m.done)
		m.output, m.err = m.run()
	}(s.merge)
}

// collect replaces the inputs of a finished merge by its output, and starts the next merge. It
// returns an error of the merge once; the next flush starts the merge again.
func (s *Set) collect(wait bool) error {
	m := s.merge
	if m == nil {
		return nil
	}
	if !wait {
		select {
		case <-m.done:
		default:
			return nil
		}
	}
	<-m.done
	s.merge = nil
	if m.err != nil {
		return m.err
	}
	for _, r := range m.inputs {
		s.releaseFilter(r)
	}
	s.insert(m.output)
	err := errors.Join(s.drop(m.inputs), s.loadFilter(m.output))
	s.startMerge()
	return err
}

func (m *merge) reads(r *run) bool { return m != nil && slices.Contains(m.inputs, r) }

// abort stops the merge and does not use its output. If the output is complete, Open deletes the
// inputs.
func (m *merge) abort() error {
	if m == nil {
		return nil
	}
	m.stop.Store(true)
	<-m.done
	if m.output != nil {
		return m.output.file.Close()
	}
	return nil
}

func (m *merge) run() (*run, error) {
	h := m.inputs[0].header
	h.last = m.inputs[len(m.inputs)-1].last
	n := 0
	cursors := make([]*cursor, len(m.inputs))
	for i, r := range m.inputs {
		n += int(r.count)
		cursors[i] = &cursor{run: r, buffer: make([]byte, chunkSize)}
		if err := cursors[i].next(); err != nil {
			return nil, err
		}
	}
	w, err := createRun(m.dir, h, n)
	if err != nil {
		return nil, fmt.Errorf("merge keys: %w", err)
	}
	if err := m.copy(w, cursors); err != nil {
		w.cancel()
		return nil, err
	}
	r, err := w.finish()
	if err != nil {
		return nil, err
	}
	// The output's name is durable before the inputs are deleted.
	if err := durable.SyncDir(m.dir); err != nil {
		return nil, fmt.Errorf("merge keys: %w", errors.Join(err, r.file.Close(), os.Remove(r.file.Name())))
	}
	return r, nil
}

func (m *merge) copy(w *runWriter, cursors []*cursor) error {
	for {
		var least *cursor
		for _, c := range cursors {
			if !c.ended && (least == nil || c.entry.compare(least.entry) < 0) {
				least = c
			}
		}
		if least == nil {
			return nil
		}
		if err := w.add(least.entry); err != nil {
			return fmt.Errorf("merge keys: %w", err)
		}
		if err := least.next(); err != nil {
			return err
		}
		if w.count%4096 == 0 && m.stop.Load() {
			return errStopped
		}
	}
}
