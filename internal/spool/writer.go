package spool

import (
	"errors"
	"io"
	"maps"
	"os"
	"sync"
	"time"
)

// A writer appends records to segments of its own. It is safe for concurrent use; its
// lock is held over the write(2), and at the end of a segment over the making of the next.
type writer struct {
	fs         fileSystem
	dir        string
	maxSegment int64

	mu      sync.Mutex
	synced  sync.Cond
	current *segment
	last    string         // the newest segment name known, ours or not
	ended   map[string]int // how many records the earlier segments have; nil if nobody asks
	lasting bool           // a segment is synced at its end
	closed  bool
}

func newWriter(fsys fileSystem, dir string, maxSegment int64) *writer {
	w := &writer{fs: fsys, dir: dir, maxSegment: maxSegment}
	w.synced.L = &w.mu
	return w
}

// append writes one whole record and says whether it is its segment's first; a durable one
// is on disk when it returns. After an error nothing of the record is there to be read,
// unless it was the sync that failed: then nobody knows.
func (w *writer) append(record []byte, durable bool) (first bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.write(record)
	if err != nil {
		return false, err
	}
	s.count++
	first = s.count == 1
	if durable {
		err = w.commit(s, s.size)
	}
	return first, err
}

// counts returns how many records were appended to each segment. Segments that gone says
// are gone are forgotten.
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

func (w *writer) write(record []byte) (*segment, error) {
	if w.closed {
		return nil, errClosed
	}
	if s := w.current; s != nil && s.size > 0 && s.size+int64(len(record)) > w.maxSegment {
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
		n, err := s.file.Write(record)
		if err == nil && n < len(record) {
			err = io.ErrShortWrite
		}
		if err != nil {
			// What was written of the record is cut off again; where even that
			// fails, the segment ends here and its reader passes over the rest.
			if cutErr := s.file.Truncate(s.size); cutErr != nil || s.size == 0 {
				w.abandon(s, err)
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
		w.abandon(s, os.ErrNotExist)
	}
	return nil, errors.New("append to segment: it is deleted as soon as it is made")
}

// lookPause is how long a segment is taken to have its name still. A record that is
// written into a file which was deleted less than that ago is gone as if it had been in it:
// nobody can tell, as deleting it takes as long.
const lookPause = 20 * time.Microsecond

// exists says whether the segment has its name still, or was deleted or moved away.
func (w *writer) exists(s *segment) bool {
	now := time.Now()
	if now.Sub(s.looked) < lookPause {
		return true
	}
	s.looked = now
	return w.fs.Exists(s.path)
}

// commit is the group commit: the first to come syncs for all that was written until
// then, and who comes meanwhile waits for the next round. It is called with the lock
// held and gives it up while it syncs.
func (w *writer) commit(s *segment, upTo int64) error {
	for s.synced < upTo {
		if s.err != nil {
			return wrap("sync segment", s.err)
		}
		if s.syncing {
			w.synced.Wait()
			continue
		}
		s.syncing = true
		size, first := s.size, s.synced == 0
		w.mu.Unlock()
		err := s.file.Sync()
		if err == nil && first {
			err = w.fs.SyncDir(w.dir)
		}
		w.mu.Lock()
		s.syncing = false
		if err != nil {
			// What of it is on disk is unknown now, and a second fsync could
			// lie: nothing more goes into this segment.
			w.abandon(s, err)
		} else {
			s.synced = size
		}
		w.synced.Broadcast()
	}
	return nil
}

func (w *writer) abandon(s *segment, err error) {
	if s.err == nil {
		s.err = err
		s.file.Close()
		w.remember(s)
	}
	if w.current == s {
		w.current = nil
	}
}

func (w *writer) remember(s *segment) {
	if w.ended != nil {
		w.ended[s.name] = s.count
	}
}

// finish ends the current segment, so that the next record begins a new one. Nobody
// appends to a segment that is no longer current, so its last sync covers it.
func (w *writer) finish() error {
	s := w.current
	if s == nil {
		return nil
	}
	w.current = nil
	w.remember(s) // commit gives up the lock
	if s.synced > 0 || w.lasting {
		if err := w.commit(s, s.size); err != nil {
			return err
		}
	}
	w.abandon(s, errFinished)
	return nil
}

var (
	errFinished = errors.New("segment is finished")
	errClosed   = errors.New("spool is closed")
)

// segmentsOf sets the size in bytes at which a new segment is begun.
func (w *writer) segmentsOf(size int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.maxSegment = size
}

// sync brings all that was appended to disk.
func (w *writer) sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return nil
	}
	return w.commit(w.current, w.current.size)
}

// next ends the current segment: what follows goes into another one.
func (w *writer) next() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.finish()
}

// readable says whether the named segment is the one being written, and then up to
// where it is on disk.
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
