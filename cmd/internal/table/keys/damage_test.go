package keys

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A sample is a closed Set with several generations, runs of several sizes and a journal with
// several frames.
type sample struct {
	dir       string
	ids       []uuid.UUID
	journaled map[uuid.UUID]bool // those that are in no run
}

func sampleAt(i int) time.Time { return day.Add(time.Duration(i) * 90 * time.Second) }

func newSample(t *testing.T, limits limits) *sample {
	t.Helper()
	p := &sample{dir: t.TempDir(), ids: ids(10, 1500), journaled: map[uuid.UUID]bool{}}
	s := mustOpen(t, p.dir, limits)
	for i, id := range p.ids {
		mustAdd(t, s, id, uint64(i), sampleAt(i))
		if i%40 == 0 {
			mustSync(t, s)
		}
	}
	mustSync(t, s)
	waitMerges(t, s)
	for _, id := range p.ids {
		if _, ok := s.memory[keyOf(s.block, id)]; ok {
			p.journaled[id] = true
		}
	}
	if len(s.runs) < 3 || len(p.journaled) == 0 {
		t.Fatalf("%d runs and %d keys in the journal are too few for the test", len(s.runs), len(p.journaled))
	}
	s.Close()
	return p
}

// examine changes a file of a copy and checks that every call either gives the right answer or
// fails with ErrDamaged. mayLose permits that keys of the journal are missing.
func (p *sample) examine(t *testing.T, limits limits, name string, change func([]byte) []byte, mayLose bool) (detected bool) {
	t.Helper()
	dir := copyFolder(t, p.dir)
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, name)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
	err = p.use(dir, limits, mayLose)
	if err != nil && !errors.Is(err, ErrDamaged) {
		t.Errorf("%s: got error %v, want ErrDamaged or none", name, err)
	}
	return err != nil
}

func (p *sample) use(dir string, limits limits, mayLose bool) error {
	s, err := open(dir, limits)
	if err != nil {
		return err
	}
	defer s.Close()
	for i, id := range p.ids {
		seen, err := s.Seen(id, 1<<40, sampleAt(i))
		if err != nil {
			return err
		}
		if !seen && !(mayLose && p.journaled[id]) {
			return fmt.Errorf("id %d is missing", i)
		}
	}
	// New keys cause merges, which read all pages.
	for i, id := range ids(11, 400) {
		seen, err := s.Seen(id, 1<<40, sampleAt(i))
		if err == nil && seen {
			return fmt.Errorf("new id %d counts as seen", i)
		}
		if err == nil {
			err = s.Add(id, 1<<40, sampleAt(i))
		}
		if err != nil {
			return err
		}
	}
	for s.merge != nil {
		if err := s.collect(true); err != nil {
			return err
		}
	}
	return s.Sync()
}

func TestDamage_BitFlips_AreDetectedOrHarmless(t *testing.T) {
	limits := limits{memory: 200, filters: 1, runs: 64} // one chunk: most filters are read from the file
	p := newSample(t, limits)
	random := rand.New(rand.NewPCG(1, 2))
	for _, path := range fileNames(t, p.dir, "*") {
		name := filepath.Base(path)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		const flips = 30
		undetected := 0
		for range flips {
			at := random.IntN(int(info.Size()))
			if !p.examine(t, limits, name, func(b []byte) []byte {
				b[at] ^= 1 << random.IntN(8)
				return b
			}, false) {
				undetected++
			}
		}
		// Pages of another generation than the new keys' are read only by look-ups.
		if undetected > flips/4 {
			t.Errorf("%s (%d bytes): %d of %d flips were not detected", name, info.Size(), undetected, flips)
		}
	}
}

func TestDamage_FileCutOffOrZeroed_IsDetected(t *testing.T) {
	limits := limits{memory: 200, filters: 1, runs: 64}
	p := newSample(t, limits)
	random := rand.New(rand.NewPCG(3, 4))
	for _, path := range fileNames(t, p.dir, "*") {
		name := filepath.Base(path)
		isJournal := filepath.Ext(name) == journalSuffix
		sizes := []int{0, 1, journalHeader - 1, journalHeader, pageSize, 2 * pageSize}
		for range 3 {
			sizes = append(sizes, random.IntN(pageSize))
		}
		for _, size := range sizes {
			cut := func(b []byte) []byte { return b[:min(size, len(b)-1)] }
			// A journal without its last frames is one whose last Sync did not return.
			if !p.examine(t, limits, name, cut, isJournal) && !isJournal {
				t.Errorf("%s cut off at %d: got no error, want ErrDamaged", name, size)
			}
		}
		zero := func(b []byte) []byte { return make([]byte, len(b)) }
		if !p.examine(t, limits, name, zero, false) {
			t.Errorf("%s with zeros only: got no error, want ErrDamaged", name)
		}
	}
}

func TestDamage_FileMissingOrAnother_IsDetected(t *testing.T) {
	p := newSample(t, small)
	q := newSample(t, small)
	run, journal := fileNames(t, p.dir, "*"+runSuffix)[0], fileNames(t, p.dir, "*"+journalSuffix)[0]
	foreign, err := os.ReadFile(fileNames(t, q.dir, "*"+runSuffix)[0])
	if err != nil {
		t.Fatal(err)
	}
	if !p.examine(t, small, filepath.Base(run), func([]byte) []byte { return foreign }, false) {
		t.Error("a run of another Set: got no error, want ErrDamaged")
	}
	dir := copyFolder(t, p.dir)
	if err := os.Remove(filepath.Join(dir, filepath.Base(journal))); err != nil {
		t.Fatal(err)
	}
	if _, err := open(dir, small); !errors.Is(err, ErrDamaged) {
		t.Errorf("runs without a journal: got %v, want ErrDamaged", err)
	}
}

func TestDamage_WhileOpen_EveryLaterCallFails(t *testing.T) {
	p := newSample(t, small)
	s := mustOpen(t, p.dir, small)
	for _, path := range fileNames(t, p.dir, "*"+runSuffix) {
		if err := os.Truncate(path, 0); err != nil {
			t.Skipf("an open file cannot be cut off here: %v", err)
		}
	}
	var err error
	for i, id := range p.ids {
		if _, err = s.Seen(id, 1<<40, sampleAt(i)); err != nil {
			break
		}
	}
	_, seen := s.Seen(p.ids[len(p.ids)-1], 1, day)
	for call, err := range map[string]error{"the first": err, "Seen": seen, "Add": s.Add(p.ids[0], 1, day), "Sync": s.Sync(), "Expire": s.Expire(day)} {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s after damage: got %v, want ErrDamaged", call, err)
		}
	}
}
