package keys

import (
	"cmp"
	"crypto/cipher"
	"encoding/binary"
	"math/bits"

	"github.com/google/uuid"
)

// A secret is the AES key that enciphers the ids of a Set. Each file has it in its header.
type secret [16]byte

// A key is an enciphered id: two uniformly distributed numbers, by which a run is sorted.
type key struct{ hi, lo uint64 }

func keyOf(block cipher.Block, id uuid.UUID) key {
	block.Encrypt(id[:], id[:])
	return key{binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])}
}

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.hi, other.hi), cmp.Compare(k.lo, other.lo))
}

// scale maps the key to a number below n, in the order of the keys.
func (k key) scale(n int) int {
	hi, _ := bits.Mul64(k.hi, uint64(n))
	return int(hi)
}

// A value is an arrival of an id.
type value struct {
	position uint64 // in the inbox, as the caller numbers it
	at       int64  // nanoseconds of Unix time
}

type entry struct {
	key
	value
}

const entrySize = 32

func (e entry) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, e.hi)
	b = binary.BigEndian.AppendUint64(b, e.lo)
	b = binary.BigEndian.AppendUint64(b, e.position)
	return binary.BigEndian.AppendUint64(b, uint64(e.at))
}

func entryAt(b []byte) entry {
	_ = b[entrySize-1]
	return entry{keyAt(b), value{binary.BigEndian.Uint64(b[16:]), int64(binary.BigEndian.Uint64(b[24:]))}}
}

func keyAt(b []byte) key {
	return key{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (e entry) compare(other entry) int {
	return cmp.Or(e.key.compare(other.key), cmp.Compare(e.at, other.at), cmp.Compare(e.position, other.position))
}

// generationOf returns the number of the day.
func generationOf(at int64) int64 {
	g := at / int64(generation)
	if at%int64(generation) < 0 {
		g--
	}
	return g
}
