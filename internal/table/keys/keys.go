// Package keys remembers which ids arrived within the last 48 h, so that a beacon that is sent
// again does not become a second row of the table.
//
// A Set is a folder with two kinds of files. The journal has the newest keys, which are in memory
// too. When it has 65,536 of them, they are written as a run: an immutable file of sorted keys
// with a Bloom filter. Runs of the same day (by the time of arrival) are merged in the
// background. A run is deleted when all its keys are older than Window.
//
// An id is enciphered before it is stored. Ids of any kind are therefore spread evenly, and a
// sender cannot choose ids that are stored close to each other, which would slow down look-ups.
//
// Files are written under a temporary name, synced and renamed; only the journal grows in place.
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
	slack      = time.Hour      // added to Window before a key is deleted, for a clock that is set back
	generation = 24 * time.Hour // only keys of the same generation share a run
)

// ErrDamaged is in the chain of an error about a damaged file. The Set cannot be used any more:
// the caller deletes the folder and makes a new Set.
var ErrDamaged = errors.New("the store of keys is damaged")

func damaged(name, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", name, fmt.Sprintf(format, args...), ErrDamaged)
}

// A Set remembers for at least Window which ids arrived first at which place. It is for one
// goroutine. An error that is not ErrDamaged leaves it usable: the call can be repeated.
type Set struct {
	dir      string
	limits   limits
	secret   secret
	block    cipher.Block
	memory   map[key]value // the journal's keys and those that Sync writes next
	unsynced []byte        // a frame of the keys that are not in the journal yet
	sorted   []entry       // a buffer of flush
	journal  *journal
	obsolete []string // journals that a newer one replaced
	runs     []*run   // by generation, then by age, oldest first
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
	runs    int // from this number of runs on, flushing waits for the merge that is under way
}

var defaults = limits{memory: 1 << 16, filters: 24 << 20 / chunkSize, runs: 64}

// An answer is the result of the last look-up, which the Add after a Seen needs again.
type answer struct {
	id    uuid.UUID
	place uint64
	at    int64
	valid bool
	key   key
	known bool // an entry of the id is younger than Window
	own   bool // an entry of the id has the same place
}

// Seen reports whether the id arrived before within Window of at, at another place. An entry
// with the same place is the same arrival, read again after a crash.
func (s *Set) Seen(id uuid.UUID, place uint64, at time.Time) (bool, error) {
	a, err := s.look(id, place, at.UnixNano())
	return a.known && !a.own, err
}

// Add remembers the id. It changes nothing where the id is known and younger than Window.
// The key is durable when a later Sync returns.
func (s *Set) Add(id uuid.UUID, place uint64, at time.Time) error {
	a, err := s.look(id, place, at.UnixNano())
	if err != nil || a.known {
		return err
	}
	if len(s.memory) >= s.limits.memory || s.journal.count+(len(s.unsynced)-frameHeader)/entrySize >= s.limits.memory {
		if err := s.flush(); err != nil {
			return s.fail(err)
		}
	}
	s.last.valid = false
	v := value{place, a.at}
	s.memory[a.key] = v
	s.unsynced = entry{a.key, v}.append(s.unsynced)
	return nil
}

func (s *Set) look(id uuid.UUID, place uint64, at int64) (answer, error) {
	if s.failed != nil {
		return answer{}, s.failed
	}
	if a := s.last; a.valid && a.id == id && a.place == place && a.at == at {
		return a, nil
	}
	a := answer{id: id, place: place, at: at, valid: true, key: keyOf(s.block, id)}
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
	a.own = a.own || v.place == a.place
}

// Sync makes every key that was added durable.
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
// of the last record that is done with. While there is a backlog, that is earlier than the clock's
// time: the records of the backlog are looked up by their own times. Later look-ups can be up to
// an hour earlier than now.
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

// Close ends the merge that is under way and closes the files. It does not sync.
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

// fail keeps an error that says damage.
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
