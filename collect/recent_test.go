package collect

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// The buffer of a beacon is used again only if no tail has the beacon.
func TestRecent_ManyMoreBeaconsThanItKeeps_ThoseReturnedStayUnchanged(t *testing.T) {
	rs := &recent{started: time.Now()}
	add := func(body []byte) {
		r := warc.Record{ID: uuid.New(), Date: time.Now(), Target: "http://x/", Request: warc.Request{Method: "POST", Target: "/", Proto: "HTTP/1.1", Body: body}}
		record, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		rs.add(r.Date, "/", record)
	}
	const each = 2*recentKept + 1
	n, shown := 0, uint64(0)
	var all []warc.Record
	for range 3 {
		for range each {
			n++
			add(fmt.Appendf(nil, "number %d", n))
		}
		beacons, missed, added := rs.since(shown)
		if missed != each-recentKept || len(beacons) != recentKept {
			t.Fatalf("got %d beacons and %d missed, want %d and %d", len(beacons), missed, recentKept, each-recentKept)
		}
		shown += missed + uint64(len(beacons))
		all = append(all, beacons...)
		add([]byte("one more"))
		<-added
		n, shown = n+1, shown+1
	}
	for i, beacon := range all {
		number := i/recentKept*(each+1) + each - recentKept + 1 + i%recentKept
		if want := fmt.Sprintf("number %d", number); string(beacon.Request.Body) != want {
			t.Fatalf("beacon %d has the body %q, want %q", i, beacon.Request.Body, want)
		}
	}
	// The first fill replaces the beacons that were returned. After it all buffers can be used again.
	record := bytes.Clone(rs.records[0])
	fill := func() {
		for range recentKept {
			rs.add(rs.started, "/", record)
		}
	}
	fill()
	if allocs := testing.AllocsPerRun(1, fill); allocs > 0 {
		t.Errorf("got %v allocations for %d beacons, want none", allocs, recentKept)
	}
	for range 100 {
		add(bytes.Repeat([]byte("x"), 1<<20))
	}
	if rs.kept != 3 || rs.bytes > recentBytes {
		t.Errorf("it holds %d beacons of 1 MiB in %d bytes, want 3 in at most %d", rs.kept, rs.bytes, recentBytes)
	}
}

func TestRecent_RecordOverTheBound_IsNotKept(t *testing.T) {
	c := NewForTest(Options{MaxBody: MostBody})
	for _, size := range []int{10, recentBytes + 1, 10, 10} {
		c.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/x", strings.NewReader(strings.Repeat("a", size))))
	}
	if c.recent.bytes > recentBytes {
		t.Errorf("it holds %d bytes, want at most %d", c.recent.bytes, recentBytes)
	}
	if beacons, missed, _ := c.recent.since(0); len(beacons) != 2 || missed != 2 {
		t.Errorf("got %d beacons and %d missed, want 2 and 2", len(beacons), missed)
	}
}
