package deliver

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestWaiting_Size_Is32Bytes(t *testing.T) {
	if n := unsafe.Sizeof(waiting{}); n != 32 {
		t.Errorf("got %d bytes, want 32", n)
	}
}

// places returns the places of n records in order.
func places(t *testing.T, n int) (all []spool.Place) {
	box, err := spool.OpenOutbox(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for range n {
		post(t, box, "http://a/", "")
	}
	lock, err := box.TryLock()
	if err != nil || lock == nil {
		t.Fatal(err)
	}
	claim, err := box.Claim(lock)
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	if _, err := claim.Scan(func(e spool.Entry, _ *warc.Record) bool { all = append(all, e.Place()); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestQueue_RandomOperations_KeepsOrder(t *testing.T) {
	all := places(t, 4*blockSize)
	random := rand.New(rand.NewPCG(3, 4))
	byPlace := func(a, b spool.Place) int {
		switch {
		case a.Before(b):
			return -1
		case b.Before(a):
			return 1
		}
		return 0
	}
	for round := range 20 {
		var q queue
		var want []spool.Place
		out := slices.Clone(all)
		if round%2 == 1 {
			random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		}
		for range 20_000 {
			switch op := random.IntN(20); {
			case op < 9 && len(out) > 0:
				p := out[0]
				out = out[1:]
				q.add(waiting{place: p})
				i, _ := slices.BinarySearchFunc(want, p, byPlace)
				want = slices.Insert(want, i, p)
			case op == 19 && random.IntN(100) == 0:
				odd := 0
				q.deleteFunc(func(w *waiting) bool { odd++; return odd%2 == 1 })
				kept := want[:0]
				for i, p := range want {
					if i%2 == 1 {
						kept = append(kept, p)
					} else {
						out = append(out, p)
					}
				}
				want = kept
			case q.len() > 0:
				var got spool.Place
				switch op % 3 {
				case 0:
					got = q.oldest().place
					if got != want[0] {
						t.Fatal("oldest returns another one")
					}
				case 1:
					got = q.newest().place
					if got != want[len(want)-1] {
						t.Fatal("newest returns another one")
					}
				default:
					got = q.random(random).place
				}
				i, ok := slices.BinarySearchFunc(want, got, byPlace)
				if !ok {
					t.Fatal("it returns a beacon that it does not have")
				}
				want = slices.Delete(want, i, i+1)
				out = append(out, got)
			}
			if q.len() != len(want) {
				t.Fatalf("it has %d beacons, want %d", q.len(), len(want))
			}
		}
		var got []spool.Place
		for q.len() > 0 {
			got = append(got, q.oldest().place)
		}
		if !slices.EqualFunc(got, want, func(a, b spool.Place) bool { return cmp.Compare(byPlace(a, b), 0) == 0 }) {
			t.Fatal("the order is wrong")
		}
	}
}
