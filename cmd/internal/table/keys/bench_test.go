package keys

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
)

// BenchmarkSeenAdd looks up and adds keys that are not in the Set, with a Sync every 100,000.
// KEYS is the number of keys that the Set has before the clock starts, 1 million by default:
// KEYS=10000000 go test -bench SeenAdd -benchtime 1000000x
func BenchmarkSeenAdd(b *testing.B) {
	before := 1_000_000
	if v := os.Getenv("KEYS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			b.Fatal(err)
		}
		before = n
	}
	for _, kind := range []string{"random", "v7"} {
		b.Run(fmt.Sprintf("%s-%d", kind, before), func(b *testing.B) {
			dir := b.TempDir()
			s, err := Open(dir)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			feed := &feeder{s: s, random: rand.NewChaCha8([32]byte{1}), v7: kind == "v7"}
			start := time.Now()
			feed.add(b, before)
			fill := float64(time.Since(start).Nanoseconds()) / float64(max(before, 1))
			b.ResetTimer()
			feed.add(b, b.N)
			b.StopTimer()
			b.ReportMetric(fill, "fill-ns/key")
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapInuse)/(1<<20), "heap-MiB")
			runtime.GC()
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapInuse)/(1<<20), "live-MiB")
			b.ReportMetric(float64(folderSize(b, dir))/float64(feed.n), "disk-B/key")
			b.ReportMetric(float64(len(s.runs)), "runs")
		})
	}
}

type feeder struct {
	s      *Set
	random *rand.ChaCha8
	v7     bool
	n      int
}

func (f *feeder) add(b *testing.B, n int) {
	for range n {
		at := day.Add(time.Duration(f.n) * 200 * time.Microsecond)
		var id uuid.UUID
		f.random.Read(id[:])
		if f.v7 {
			var ms [8]byte
			binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli())<<16)
			copy(id[:6], ms[:6])
		}
		f.n++
		seen, err := f.s.Seen(id, uint64(f.n), at)
		if err == nil {
			err = f.s.Add(id, uint64(f.n), at)
		}
		if err == nil && f.n%100_000 == 0 {
			err = f.s.Sync()
		}
		if seen || err != nil {
			b.Fatalf("key %d: seen %v, error %v", f.n, seen, err)
		}
	}
}

func folderSize(b *testing.B, dir string) (size int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	return size
}
