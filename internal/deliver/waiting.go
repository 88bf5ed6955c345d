package deliver

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// A waiting is a beacon that waits for an attempt. It takes 32 bytes, because a million may wait.
type waiting struct {
	place   spool.Place
	expires uint32 // Unix time in seconds
	due     uint32 // when its own delay after a failure ends, in tenths of a second since the run began
	round   uint32 // the lane's successes at its last failure
	fails   uint8  // failed attempts; 255 means more
	tracked bool   // it is purged once the user forbids tracking
}

func (w *waiting) expiresAt() time.Time { return time.Unix(int64(w.expires), 0) }

// blockSize is the most beacons of a block.
const blockSize = 512

// A queue has beacons in the order of their places, which is the order in which they were sent. Its
// blocks keep the memory close to 32 bytes a beacon, and removals in the middle cheap.
type queue struct {
	blocks [][]waiting // none is empty
	n      int
}

func (q *queue) len() int { return q.n }

// add inserts a beacon. Most have the greatest place.
func (q *queue) add(w waiting) {
	q.n++
	last := len(q.blocks) - 1
	if last < 0 || q.blocks[last][len(q.blocks[last])-1].place.Before(w.place) {
		if last < 0 || len(q.blocks[last]) == blockSize {
			q.blocks = append(q.blocks, nil)
			last++
		}
		q.blocks[last] = append(q.blocks[last], w)
		return
	}
	b, _ := slices.BinarySearchFunc(q.blocks, w, func(block []waiting, w waiting) int {
		if w.place.Before(block[0].place) {
			return 1
		}
		return -1
	})
	b = max(b-1, 0)
	i, _ := slices.BinarySearchFunc(q.blocks[b], w, func(a, w waiting) int {
		if a.place.Before(w.place) {
			return -1
		}
		return 1
	})
	if len(q.blocks[b]) == blockSize {
		half := slices.Clone(q.blocks[b][blockSize/2:])
		q.blocks[b] = q.blocks[b][:blockSize/2]
		q.blocks = slices.Insert(q.blocks, b+1, half)
		if i > blockSize/2 {
			b, i = b+1, i-blockSize/2
		}
	}
	q.blocks[b] = slices.Insert(q.blocks[b], i, w)
}

// remove removes and returns number i of block b.
func (q *queue) remove(b, i int) waiting {
	w := q.blocks[b][i]
	q.n--
	if i == 0 {
		q.blocks[b] = q.blocks[b][1:]
	} else {
		q.blocks[b] = slices.Delete(q.blocks[b], i, i+1)
	}
	switch {
	case len(q.blocks[b]) > 0:
	case b == 0:
		q.blocks[0] = nil
		q.blocks = q.blocks[1:]
	default:
		q.blocks = slices.Delete(q.blocks, b, b+1)
	}
	if q.n == 0 {
		q.blocks = nil
	}
	return w
}

func (q *queue) oldest() waiting { return q.remove(0, 0) }

func (q *queue) newest() waiting {
	b := len(q.blocks) - 1
	return q.remove(b, len(q.blocks[b])-1)
}

// random returns one of a random block, as blocks have about the same size.
func (q *queue) random(r *rand.Rand) waiting {
	b := r.IntN(len(q.blocks))
	return q.remove(b, r.IntN(len(q.blocks[b])))
}

// deleteFunc removes the beacons for which del returns true.
func (q *queue) deleteFunc(del func(*waiting) bool) {
	for b, block := range q.blocks {
		kept := block[:0]
		for i := range block {
			if !del(&block[i]) {
				kept = append(kept, block[i])
			}
		}
		q.n -= len(block) - len(kept)
		q.blocks[b] = kept
	}
	q.blocks = slices.DeleteFunc(q.blocks, func(block []waiting) bool { return len(block) == 0 })
}

// aside is a heap of beacons by their due times.
type aside []waiting

func (a aside) Len() int           { return len(a) }
func (a aside) Less(i, j int) bool { return a[i].due < a[j].due }
func (a aside) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *aside) Push(x any)        { *a = append(*a, x.(waiting)) }
func (a *aside) Pop() any {
	last := len(*a) - 1
	w := (*a)[last]
	*a = (*a)[:last]
	return w
}
