package keys

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRun_UnevenKeys_FindsEach writes keys that overflow their home pages, at both ends of the
// key space too.
func TestRun_UnevenKeys_FindsEach(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for name, hi := range map[string]func(i int) uint64{
		"even":              func(int) uint64 { return random.Uint64() },
		"one home":          func(i int) uint64 { return 1<<63 + uint64(i) },
		"the last home":     func(i int) uint64 { return math.MaxUint64 - uint64(i) },
		"the first home":    func(i int) uint64 { return uint64(i) },
		"the same half":     func(int) uint64 { return 42 },
		"half of the homes": func(int) uint64 { return random.Uint64() >> 1 },
	} {
		for _, n := range []int{1, 2, entriesPerHome, entriesPerPage, entriesPerPage + 1, 1000} {
			entries := make([]entry, n)
			for i := range entries {
				entries[i] = entry{key{hi(i), random.Uint64()}, value{uint64(i), int64(i)}}
			}
			slices.SortFunc(entries, entry.compare)
			r := writeEntries(t, entries)
			var page [pageSize]byte
			find := func(k key) answer {
				a := answer{key: k, position: math.MaxUint64}
				if err := r.find(&a, &page); err != nil {
					t.Fatalf("%s, %d keys: %v", name, n, err)
				}
				return a
			}
			for _, e := range entries {
				if !find(e.key).known {
					t.Fatalf("%s: key %x of %d is missing", name, e.key, n)
				}
				if find(key{e.hi, e.lo + 1}).known || find(key{e.hi ^ 1<<62, e.lo}).known {
					t.Fatalf("%s, %d keys: a key that was not added is found", name, n)
				}
			}
			c := &cursor{run: r, buffer: make([]byte, 2*pageSize)}
			for i, e := range entries {
				if err := c.next(); err != nil || c.ended || c.entry != e {
					t.Fatalf("%s, entry %d of %d: got %v, %v, want %v", name, i, n, c.entry, err, e)
				}
			}
			if err := c.next(); err != nil || !c.ended {
				t.Fatalf("%s, after %d entries: got %v, want the end", name, n, err)
			}
		}
	}
}

func TestRun_EqualIDs_FindsAllArrivals(t *testing.T) {
	var entries []entry
	for i := range 300 { // more than two pages
		entries = append(entries, entry{key{1 << 40, 7}, value{uint64(i), int64(i)}})
	}
	r := writeEntries(t, append(entries, entries[len(entries)-1]))
	if r.count != 300 {
		t.Errorf("%d entries, want 300: an equal entry is left out", r.count)
	}
	var page [pageSize]byte
	for _, e := range entries {
		a := answer{key: e.key, position: e.position}
		if err := r.find(&a, &page); err != nil || !a.known || !a.own {
			t.Errorf("position %d: got known %v, own %v, %v, want both", e.position, a.known, a.own, err)
		}
	}
}

func TestFilter_AbsentKeys_FewPass(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	entries := make([]entry, 50_000)
	for i := range entries {
		entries[i] = entry{key{random.Uint64(), random.Uint64()}, value{1, 1}}
	}
	slices.SortFunc(entries, entry.compare)
	r := writeEntries(t, entries)
	var page [pageSize]byte
	passed := 0
	const tries = 20_000
	for range tries {
		ok, err := r.mayHave(key{random.Uint64(), random.Uint64()}, &page)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			passed++
		}
	}
	if passed > tries*3/100 {
		t.Errorf("%d of %d absent keys pass the filter, want at most 3 %%", passed, tries)
	}
}

// TestMergeable_ManyFlushes_FewRuns counts runs and rewrites without files.
func TestMergeable_ManyFlushes_FewRuns(t *testing.T) {
	var runs []*run
	const flushes = 5000
	rewritten, most := 0, 0
	for i := range flushes {
		runs = append(runs, &run{header: header{first: uint64(i), last: uint64(i), count: 1}})
		for inputs := mergeable(runs, uint64(i)); inputs != nil; inputs = mergeable(runs, uint64(i)) {
			merged := &run{header: header{first: inputs[0].first, last: uint64(i)}}
			for _, r := range inputs {
				merged.count += r.count
				rewritten += int(r.count)
			}
			runs = append(runs[:len(runs)-len(inputs)], merged)
		}
		most = max(most, len(runs))
	}
	if most > 20 || rewritten > 7*flushes {
		t.Errorf("%d runs at most and %d rewrites of %d entries, want at most 20 and %d", most, rewritten, flushes, 7*flushes)
	}
	if inputs := mergeable(runs, flushes); len(inputs) < 2 {
		t.Errorf("%d runs of an idle generation: got no merge", len(runs))
	}
	future := &run{header: header{generation: 1, first: 1, last: flushes, count: 1}}
	if inputs := mergeable(append(runs[:1:1], future), flushes); inputs != nil {
		t.Errorf("single runs of two generations: got a merge of %d", len(inputs))
	}
}

func writeEntries(t *testing.T, entries []entry) *run {
	t.Helper()
	w, err := createRun(t.TempDir(), header{first: 1, last: 2}, len(entries))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := w.add(e); err != nil {
			t.Fatal(err)
		}
	}
	r, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.file.Close() })
	return r
}
