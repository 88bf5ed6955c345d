package table

import (
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestBounds_LongValues_AreShortAndRight(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		n := random.IntN(100)
		v := make([]byte, 0, 200)
		for range n {
			if random.IntN(2) == 0 {
				v = append(v, []byte{'a', 'z', 0xff, 0x7f, 0}[random.IntN(5)])
			} else {
				v = append(v, string([]rune{'é', 0xD7FF, 0x10FFFF, '😀'}[random.IntN(4)])...)
			}
		}
		if len(v) <= maxBound {
			continue
		}
		low, high := prefix(v), after(prefix(v))
		if len(low) > maxBound || len(high) > maxBound+1 {
			t.Fatalf("bounds of %q: got %d and %d bytes", v, len(low), len(high))
		}
		if c := parquet.ByteArrayType.Compare(parquet.ByteArrayValue(low), parquet.ByteArrayValue(v)); c > 0 {
			t.Fatalf("%q: the lower bound is %q", v, low)
		}
		if c := parquet.ByteArrayType.Compare(parquet.ByteArrayValue(high), parquet.ByteArrayValue(v)); c < 0 {
			t.Fatalf("%q: the upper bound is %q", v, high)
		}
	}
}
