package spool

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// TestNoWakeUpIsLost has processes send to one outbox and deliver it, and chooses at random
// before every step of a file system which of them makes its next one. A sender appends, then
// looks at the lock; a deliverer gives the lock up, then looks for what it has not seen.
// Suppose a beacon stays behind with nobody to deliver it. Its sender found the lock held. Its
// holder gave it up after that look, so after the append, and looked for records after that: it
// saw the beacon's segment longer than it knew, and went on. So there is none.
func TestNoWakeUpIsLost(t *testing.T) {
	worlds := 300
	if n, err := strconv.Atoi(os.Getenv("BEACON_WORLDS")); err == nil {
		worlds = n
	}
	for seed := range uint64(worlds) {
		if lost := inWorld(t, seed, true); len(lost) > 0 {
			t.Fatalf("world %d: nobody delivers %v", seed, lost)
		}
	}
	// In the other order it can be lost, and the worlds are rich enough to show it.
	for seed := range uint64(10_000) {
		if len(inWorld(t, seed, false)) > 0 {
			t.Log("the wrong order is shown by world", seed)
			return
		}
	}
	t.Error("these worlds would not show a wake-up that is lost")
}

// A world lets its processes make one step at a time.
type world struct {
	random *rand.Rand
	wait   chan chan struct{} // from a process that waits for its step
	ended  chan struct{}
	over   bool
}

// run runs the processes to their end.
func (w *world) run(processes []func()) {
	for _, p := range processes {
		go func() {
			w.step()
			p()
			w.ended <- struct{}{}
		}()
	}
	var waiting []chan struct{}
	for alive := len(processes); alive > 0; {
		for len(waiting) < alive {
			select {
			case turn := <-w.wait:
				waiting = append(waiting, turn)
			case <-w.ended:
				alive--
			}
		}
		if alive == 0 {
			w.over = true
			return
		}
		// The latest to wait is the one that was running: it mostly goes on, as in life, which
		// gives one the time for all of its work between two steps of another.
		i := len(waiting) - 1
		if w.random.IntN(8) == 0 {
			i = w.random.IntN(len(waiting))
		}
		turn := waiting[i]
		waiting = append(waiting[:i], waiting[i+1:]...)
		close(turn)
	}
}

func (w *world) step() {
	if w.over {
		return
	}
	turn := make(chan struct{})
	w.wait <- turn
	<-turn
}

// steppedFS is the real file system, one step at a time.
type steppedFS struct {
	osFS
	w *world
}

func (s steppedFS) Open(name string, flag int) (file, error) {
	s.w.step()
	f, err := s.osFS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return steppedFile{f, s.w}, nil
}

func (s steppedFS) ReadDir(dir string) ([]fs.DirEntry, error) { s.w.step(); return s.osFS.ReadDir(dir) }
func (s steppedFS) Rename(from, to string) error              { s.w.step(); return s.osFS.Rename(from, to) }
func (s steppedFS) Remove(name string) error                  { s.w.step(); return s.osFS.Remove(name) }
func (s steppedFS) Exists(name string) bool                   { s.w.step(); return s.osFS.Exists(name) }

type steppedFile struct {
	file
	w *world
}

func (f steppedFile) Write(b []byte) (int, error) { f.w.step(); return f.file.Write(b) }
func (f steppedFile) TryLock() (bool, error)      { f.w.step(); return f.file.TryLock() }
func (f steppedFile) Size() (int64, error)        { f.w.step(); return f.file.Size() }
func (f steppedFile) Close() error                { f.w.step(); return f.file.Close() }

// inWorld returns the beacons that nobody delivered in a world.
func inWorld(t *testing.T, seed uint64, releaseFirst bool) (lost []string) {
	w := &world{random: rand.New(rand.NewPCG(seed, 0)), wait: make(chan chan struct{}), ended: make(chan struct{})}
	dir := filepath.Join(t.TempDir(), fmt.Sprint(seed))
	pending := map[string]bool{}
	var boxes []*Outbox
	var processes []func()
	for i := range 2 + w.random.IntN(2) {
		stays := w.random.IntN(2) == 0 // and holds its segment
		processes = append(processes, func() {
			box, err := openOutbox(steppedFS{w: w}, dir)
			if err != nil {
				t.Error(err)
				return
			}
			boxes = append(boxes, box)
			for j := range 1 + w.random.IntN(2) {
				body := fmt.Sprint(i, j)
				pending[body] = true
				if err := box.Append(encoded(t, body), capacity, false); err != nil {
					t.Error(err)
				}
				w.step()
				lock, err := box.TryLock()
				for lock != nil && err == nil {
					lock, err = carry(w, box, lock, pending, releaseFirst)
				}
				if err != nil {
					t.Error(err)
				}
			}
			if !stays {
				box.w.close()
			}
		})
	}
	w.run(processes)
	for _, box := range boxes {
		box.Close()
	}
	for body := range pending {
		lost = append(lost, body)
	}
	return lost
}

// carry is what a deliverer does with the outbox, and returns the lock again if it has to go on.
func carry(w *world, box *Outbox, lock *os.File, pending map[string]bool, releaseFirst bool) (*os.File, error) {
	claim, err := box.Claim(lock)
	if err != nil {
		return nil, err
	}
	if _, err := claim.Scan(func(e Entry, r *warc.Record) bool {
		delete(pending, string(r.Request.Body))
		return claim.Finish(Delivered, "", e) == nil
	}); err != nil {
		return nil, err
	}
	missed := false
	w.step()
	if !releaseFirst {
		missed = claim.Missed()
		w.step()
	}
	if err := claim.Release(); err != nil {
		return nil, err
	}
	w.step()
	if releaseFirst {
		missed = claim.Missed()
	}
	if !missed {
		return nil, nil
	}
	w.step()
	return box.TryLock()
}
