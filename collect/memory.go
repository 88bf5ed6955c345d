package collect

import "sync/atomic"

const (
	// memoryBound is how many counted bytes the bodies in memory may have.
	memoryBound = 32 << 20
	// freeBody is how many bytes of each body are not counted. Most beacons of browsers are smaller, so
	// they are accepted even while large bodies use all of memoryBound.
	freeBody = 16 << 10
)

// memory counts the bytes of the bodies that are being received or written to disk. It is safe for
// concurrent use.
type memory struct{ used atomic.Int64 }

// take counts n bytes. If they exceed memoryBound, it counts nothing and returns false.
func (m *memory) take(n int) bool {
	if m.used.Add(int64(n)) <= memoryBound {
		return true
	}
	m.used.Add(int64(-n))
	return false
}

// give releases n counted bytes.
func (m *memory) give(n int) { m.used.Add(int64(-n)) }
