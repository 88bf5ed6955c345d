package collect

import "sync/atomic"

const (
	// memoryBound is how many bytes of bodies that are on their way in are held at a time.
	memoryBound = 32 << 20
	// freeBody is the part of each body that is not counted. What browsers send is mostly
	// smaller, and so goes on being taken while somebody sends nothing but large ones.
	freeBody = 16 << 10
)

// memory is the bytes that are held.
type memory struct{ used atomic.Int64 }

// take is false where there is no room for n more.
func (m *memory) take(n int) bool {
	if m.used.Add(int64(n)) <= memoryBound {
		return true
	}
	m.used.Add(int64(-n))
	return false
}

func (m *memory) give(n int) { m.used.Add(int64(-n)) }
