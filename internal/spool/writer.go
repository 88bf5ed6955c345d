package spool

import (
	"errors"
	"io"
	"maps"
	"sync"
	"time"
)

// A writer appends records to segments of its own. It holds its lock during the write(2), and while it makes
// the next segment. It is safe for concurrent use, but only one goroutine at a time may sync: that of a group or of
// a claim.
type writer struct {
	fs         fileSystem
	dir        string
	maxSegment int64

	mu      sync.Mutex
	current *segment
	last    string         // the newest segment name known, ours or not
	ended   map[string]int // how many records the earlier segments have; nil if the counts are not needed
	lasting bool           // a segment is synced at its end
	closed  bool
	end     Cursor // behind the records of the last append that succeeded; for the goroutine that appends
}

func newWriter(fsys fileSystem, dir string, maxSegment int64) *writer {
	return &writer{fs: fsys, dir: dir, maxSegment: maxSegment}
}

// append writes n whole records and returns whether they are their segment's first. Durable ones are on disk
// when it returns. After an error the segment has none of them, except after a failed sync: then they may be on disk
// or not.
func (w *writer) append(records []byte, n int, durable bool) (first bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.write(records)
	if err != nil {
		return false, err
	}
	first = s.count == 0
	s.count += n
	if durable {
		err = w.commit(s)
	}
	if err == nil {
		w.end = Cursor{s.name, s.size}
	}
	return first, err
}

// counts returns how many records were appended to each segment. It drops the counts of segments for which gone
// returns true.
func (w *writer) counts(gone func(segment string) bool) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.ended, func(name string, _ int) bool { return gone(name) })
	counts := maps.Clone(w.ended)
	if counts == nil {
		counts = map[string]int{}
	}
	if s := w.current; s != nil && !gone(s.name) {
		counts[s.name] = s.count
	}
	return counts
}

func (w *writer) write(records []byte) (*segment, error) {
	if w.closed {
		return nil, ErrClosed
	}
	if s := w.current; s != nil && s.size > 0 && s.size+int64(len(records)) > w.maxSegment {
		if err := w.finish(); err != nil {
			return nil, err
		}
	}
	// The second round is for a segment that was deleted under the writer.
	for range 2 {
		if w.current == nil {
			s, err := createSegment(w.fs, w.dir, segmentName(time.Now(), w.last))
			if err != nil {
				return nil, wrap("create segment", err)
			}
			w.current, w.last = s, s.name
		}
		s := w.current
		n, err := s.file.Write(records)
		if err == nil && n < len(records) {
			err = io.ErrShortWrite
		}
		if err != nil {
			// The part that was written is cut off. If that fails, too, the segment ends here, and its
			// reader passes over the part.
			if cutErr := s.file.Truncate(s.size); cutErr != nil || s.size == 0 {
				w.leave(s)
				if cutErr == nil {
					w.fs.Remove(s.path)
				}
			}
			return nil, wrap("append to segment", err)
		}
		if w.exists(s) {
			s.size += int64(n)
			return s, nil
		}
		w.leave(s)
	}
	return nil, errors.New("append to segment: it is deleted as soon as it is made")
}

// lookPause is how long the result of exists is used again. A record that is written into a file that was
// deleted less than that ago is lost, as if it had been in the file before: a deletion takes as long.
const lookPause = 20 * time.Microsecond

// exists reports whether the segment still has its name, and was not deleted or moved.
func (w *writer) exists(s *segment) bool {
	now := time.Now()
	if now.Sub(s.looked) < lookPause {
		return true
	}
	s.looked = now
	return w.fs.Exists(s.path)
}

// commit syncs s. The caller holds the lock. commit releases it during the sync, so that no other write waits
// for the disk.
func (w *writer) commit(s *segment) error {
	size, first := s.size, s.synced == 0
	if s.synced == size {
		return nil
	}
	s.syncing = true
	w.mu.Unlock()
	err := s.file.Sync()
	if err == nil && first {
		err = w.fs.SyncDir(w.dir)
	}
	w.mu.Lock()
	s.syncing = false
	if err == nil {
		s.synced = size
	}
	if err != nil || w.current != s {
		// After an error it is not known which records are on disk, and a second fsync could succeed without
		// them. So this segment ends.
		w.leave(s)
	}
	return wrap("sync segment", err)
}

// leave ends a segment. If a goroutine is syncing it, that closes it.
func (w *writer) leave(s *segment) {
	if w.current == s {
		w.current = nil
		if w.ended != nil {
			w.ended[s.name] = s.count
		}
	}
	if !s.syncing {
		s.file.Close()
	}
}

// finish ends the current segment, so that the next record begins a new one.
func (w *writer) finish() error {
	s := w.current
	if s == nil {
		return nil
	}
	if w.lasting {
		if err := w.commit(s); err != nil {
			return err
		}
	}
	w.leave(s)
	return nil
}

// ErrClosed means that the spool was closed.
var ErrClosed = errors.New("the outbox is closed")

// segmentsOf sets the size in bytes at which a new segment is begun.
func (w *writer) segmentsOf(size int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.maxSegment = size
}

// sync syncs all records that were appended.
func (w *writer) sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return nil
	}
	return w.commit(w.current)
}

// next ends the current segment. The next record begins another one.
func (w *writer) next() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.finish()
}

// readable reports whether the named segment is the current one, and up to which offset it is on disk.
func (w *writer) readable(name string) (limit int64, active bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.current; s != nil && s.name == name {
		return s.synced, true
	}
	return 0, false
}

func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return w.finish()
}
