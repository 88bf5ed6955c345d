// Package keys remembers which ids arrived within the last 48 h, so that a beacon that is sent
// again does not become a second row of the table.
//
// A Set is a folder with two kinds of files. The journal has the newest keys, which are in memory
// too. When it has 65,536 of them, they are written as a run: an immutable file of sorted keys
// with a Bloom filter. Runs of the same day (by the time of arrival) are merged in the
// background. A run is deleted when all its keys are older than Window.
//
// An id is enciphered before it is stored, so that keys are spread evenly whatever the ids are. A
// sender therefore cannot choose ids that are stored close to each other and slow down look-ups.
//
// A file is written under a temporary name, synced and renamed. Only the journal is appended to.
// Every page of a run and every frame of the journal has a checksum.
package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Window is how long an id is remembered after its first arrival.
const Window = 48 * time.Hour

const (
	slack      = time.Hour      // how much longer than Window a key is kept, in case the clock is set back
	generation = 24 * time.Hour // only keys of the same generation share a run
)

// ErrDamaged is wrapped by each error about a damaged file. After it every method of the Set fails:
// the caller closes the Set, deletes the folder and opens a new Set.
var ErrDamaged = errors.New("the store of keys is damaged")

func damaged(name, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", name, fmt.Sprintf(format, args...), ErrDamaged)
}

// A Set stores the first arrival of each id for at least Window: its time, and its position in the
// inbox. It is for one goroutine. After an error that is not ErrDamaged the call can be repeated.
type Set struct {
	dir      string
	limits   limits
	secret   secret
	block    cipher.Block
	memory   map[key]value // the journal's keys and those that Sync writes next
	unsynced []byte        // the next frame of the journal
	sorted   []entry       // a buffer of flush
	journal  *journal
	obsolete []string // journals that a newer one replaced
	runs     []*run   // sorted by generation, then by age, oldest first
	flushed  uint64   // the number of the newest run
	filters  filterCache
	merge    *merge
	failed   error // ErrDamaged
	last     answer
	page     [pageSize]byte
}

// limits are smaller in tests.
type limits struct {
	memory  int // keys in memory, and in a journal
	filters int // chunks of filters in memory
	runs    int // with this number of runs a flush waits for the running merge
}

var defaults = limits{memory: 1 << 16, filters: 24 << 20 / chunkSize, runs: 64}

// An answer is the result of a look-up. The last one is kept, because Add usually follows Seen with
// the same arguments.
type answer struct {
	id       uuid.UUID
	position uint64
	at       int64
	valid    bool
	key      key
	known    bool // an entry of the id is younger than Window
	own      bool // an entry of the id has the same position
}

// Seen reports whether the Set has an arrival of the id within Window of at, at another position. An
// entry with the same position is the same arrival, which is read again after a crash.
func (s *Set) Seen(id uuid.UUID, position uint64, at time.Time) (bool, error) {
	a, err := s.lookUp(id, position, at.UnixNano())
	return a.known && !a.own, err
}

// Add stores an arrival of the id, unless the Set has one within Window of at. The arrival is
// durable when a later Sync returns nil.
func (s *Set) Add(id uuid.UUID, position uint64, at time.Time) error {
	a, err := s.lookUp(id, position, at.UnixNano())
	if err != nil || a.known {
		return err
	}
	if len(s.memory) >= s.limits.memory || s.journal.count+(len(s.unsynced)-frameHeader)/entrySize >= s.limits.memory {
		if err := s.flush(); err != nil {
			return s.fail(err)
		}
	}
	s.last.valid = false
	v := value{position, a.at}
	s.memory[a.key] = v
	s.unsynced = entry{a.key, v}.append(s.unsynced)
	return nil
}

func (s *Set) lookUp(id uuid.UUID, position uint64, at int64) (answer, error) {
	if s.failed != nil {
		return answer{}, s.failed
	}
	if a := s.last; a.valid && a.id == id && a.position == position && a.at == at {
		return a, nil
	}
	a := answer{id: id, position: position, at: at, valid: true, key: keyOf(s.block, id)}
	if v, ok := s.memory[a.key]; ok {
		a.add(v)
	}
	for _, r := range s.runs {
		if at-int64(Window) > r.maxAt || at+int64(Window) < r.minAt {
			continue
		}
		if err := r.find(&a, &s.page); err != nil {
			return answer{}, s.fail(err)
		}
	}
	s.last = a
	return a, nil
}

// add takes a stored entry of the id into account. The age has a sign because the clock can be
// set back.
func (a *answer) add(v value) {
	age := time.Duration(a.at - v.at)
	a.known = a.known || age.Abs() <= Window
	a.own = a.own || v.position == a.position
}

// Sync makes every arrival that was added durable. Its error can be one of an earlier merge in the
// background; a repeated Sync then succeeds.
func (s *Set) Sync() error {
	if s.failed != nil {
		return s.failed
	}
	if err := s.collect(false); err != nil {
		return s.fail(err)
	}
	if s.journal.suspect {
		return s.switchJournal(s.journal.number+1, s.memoryFrame())
	}
	if len(s.unsynced) == frameHeader {
		return nil
	}
	if err := s.journal.append(s.unsynced); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	s.unsynced = emptyFrame(s.unsynced)
	return nil
}

// Expire deletes the runs whose keys are all too old for any look-up. now is the time of arrival
// of the last record that was read. With a backlog that is earlier than the clock's time, because
// records are looked up by their time of arrival. Later look-ups can be up to an hour earlier than now.
func (s *Set) Expire(now time.Time) error {
	if s.failed != nil {
		return s.failed
	}
	if err := s.collect(false); err != nil {
		return s.fail(err)
	}
	oldest := now.Add(-Window - slack).UnixNano()
	for k, v := range s.memory {
		if v.at < oldest {
			delete(s.memory, k)
		}
	}
	var gone []*run
	for _, r := range s.runs {
		if r.maxAt < oldest && !s.merge.reads(r) {
			gone = append(gone, r)
		}
	}
	return s.drop(gone)
}

// Close stops the merge in the background and closes the files. Arrivals that are not synced are
// lost. Later calls fail.
func (s *Set) Close() error {
	err := s.merge.abort()
	for _, r := range s.runs {
		err = errors.Join(err, r.file.Close())
	}
	s.runs = nil
	if s.journal != nil {
		err = errors.Join(err, s.journal.file.Close())
	}
	if s.failed == nil {
		s.failed = errors.New("the store of keys is closed")
	}
	return err
}

// fail makes all later calls fail if err is ErrDamaged.
func (s *Set) fail(err error) error {
	if errors.Is(err, ErrDamaged) {
		s.failed = err
	}
	return err
}

func (s *Set) setSecret(secret secret) error {
	s.secret = secret
	var err error
	s.block, err = aes.NewCipher(secret[:])
	return err
}
