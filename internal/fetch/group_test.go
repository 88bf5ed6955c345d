package fetch

import (
	"sync"
	"testing"
)

func TestQuota(t *testing.T) {
	var g Group
	take := func(n int, want bool) func() {
		t.Helper()
		release, ok := g.Reserve(n)
		if ok != want {
			t.Errorf("%d bytes: %v, with %d in flight", n, ok, g.inFlight.Load())
		}
		return release
	}
	first := take(Quota-1, true)
	take(2, false)()
	second := take(1, true)
	take(1, false)
	take(0, true)() // passes though it is full
	first()
	first() // counts once
	if in := g.inFlight.Load(); in != 1 {
		t.Errorf("%d bytes in flight", in)
	}
	second()
	take(Quota+1, false)
	take(int(^uint(0)>>1), false)
	take(Quota, true)()
}

func TestQuotaOfManyAtOnce(t *testing.T) {
	var g Group
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for range 10_000 {
				if release, ok := g.Reserve(9000 + i); ok {
					if in := g.inFlight.Load(); in > Quota {
						t.Errorf("%d bytes in flight", in)
					}
					release()
				}
			}
		})
	}
	wait.Wait()
	if in := g.inFlight.Load(); in != 0 {
		t.Errorf("%d bytes left", in)
	}
}

func BenchmarkReserve(b *testing.B) {
	var g Group
	for b.Loop() {
		release, _ := g.Reserve(512)
		release()
	}
}
