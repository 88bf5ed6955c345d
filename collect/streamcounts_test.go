package collect

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestStreamFilter_Stream_Matches(t *testing.T) {
	for _, x := range []struct {
		filter  string
		yes, no []string
	}{
		{"/shop", []string{"/shop"}, []string{"/shop/", "/shop/pay", "/a/shop", "/Shop"}},
		{"/shop*", []string{"/shop", "/shop/pay"}, []string{"/a/shop"}},
		{"/*/pay", []string{"/shop/pay", "/a/b/pay"}, []string{"/pay", "/shop/pay/"}},
		{"/", []string{"/"}, []string{"/shop"}},
		{"shop", []string{"/shop", "/a/shop/pay", "/workshop"}, []string{"/sho", "/Shop"}},
		{"s*p", []string{"/shop", "/a/stop/it"}, []string{"/pots"}},
		{"*", []string{"/", "/shop"}, nil},
	} {
		match := streamFilter(x.filter)
		for _, stream := range x.yes {
			if !match(stream) {
				t.Errorf("%s does not match %s", x.filter, stream)
			}
		}
		for _, stream := range x.no {
			if match(stream) {
				t.Errorf("%s matches %s", x.filter, stream)
			}
		}
	}
	if streamFilter("") != nil {
		t.Error("an empty filter is not nil")
	}
}

func TestRecent_Filter_CountsOnlyItsStreams(t *testing.T) {
	began := time.Unix(60_000_000, 0)
	rs := &recent{started: began}
	add := func(minute int, stream string) {
		rs.add(began.Add(time.Duration(minute)*time.Minute), stream, []byte("x"))
	}
	add(-5, "/shop") // from the inbox, at the start
	add(0, "/shop")
	add(0, "/shop/pay")
	add(0, "/blog")
	add(2, "/shop")
	add(2, "/blog")
	for _, x := range []struct {
		filter string
		after  int // minutes
		total  uint64
		ago    map[int]uint32 // beacons by age in minutes
	}{
		{"", 2, 5, map[int]uint32{7: 1, 2: 3, 0: 2}},
		{"/shop", 2, 2, map[int]uint32{7: 1, 2: 1, 0: 1}},
		{"/shop", 3, 2, map[int]uint32{8: 1, 3: 1, 1: 1}},
		{"/shop*", 3, 3, map[int]uint32{8: 1, 3: 2, 1: 1}},
		{"/none", 3, 0, nil},
		{"/shop", 61, 2, map[int]uint32{59: 1}},
		{"", 200, 5, nil},
		{"/shop", 200, 2, nil},
	} {
		got := rs.counts(began.Add(time.Duration(x.after)*time.Minute), streamFilter(x.filter))
		var want [recentMinutes]uint32
		for age, n := range x.ago {
			want[recentMinutes-1-age] = n
		}
		if got.Total != x.total || got.Minutes != want || got.Uncounted != 0 || got.Now != began.Unix()+int64(x.after)*60 {
			t.Errorf("filter %q after %d minutes: got %+v, want total %d and by age %v", x.filter, x.after, got, x.total, x.ago)
		}
	}
}

func TestRecent_MoreStreamsThanItCounts_TheRestIsUncounted(t *testing.T) {
	began := time.Unix(60_000_000, 0)
	rs := &recent{started: began}
	add := func(minute int, stream string) {
		rs.add(began.Add(time.Duration(minute)*time.Minute), stream, []byte("x"))
	}
	total := func(minute int, filter string) (total, uncounted uint64) {
		c := rs.counts(began.Add(time.Duration(minute)*time.Minute), streamFilter(filter))
		return c.Total, c.Uncounted
	}
	for i := range mostStreams + 10 {
		add(0, fmt.Sprintf("/%d", i))
	}
	add(0, "/"+strings.Repeat("long", longestStream))
	add(30, "/0")
	add(59, "/late")
	if len(rs.streams.by) != mostStreams {
		t.Errorf("%d streams are counted, want %d", len(rs.streams.by), mostStreams)
	}
	if n, uncounted := total(59, "*"); n != mostStreams+1 || uncounted != 12 {
		t.Errorf("got %d beacons and %d uncounted, want %d and 12", n, uncounted, mostStreams+1)
	}
	if n, _ := total(59, "/late"); n != 0 {
		t.Errorf("a stream beyond the limit has %d beacons, want none", n)
	}
	// After an hour without a beacon a stream makes room.
	add(60, "/late")
	if n, uncounted := total(60, "/late"); n != 1 || uncounted != 12+mostStreams-1 {
		t.Errorf("got %d beacons and %d uncounted, want 1 and %d", n, uncounted, 12+mostStreams-1)
	}
	if n, _ := total(60, "/0"); n != 2 {
		t.Errorf("the stream that is not idle has %d beacons, want 2", n)
	}
	if n, _ := total(60, ""); n != mostStreams+14 {
		t.Errorf("all streams have %d beacons, want %d", n, mostStreams+14)
	}
}

func TestRecent_Cleared_ForgetsTheStreams(t *testing.T) {
	rs := &recent{started: time.Now()}
	rs.add(time.Now(), "/u/jane", []byte("x"))
	rs.clear()
	if got := rs.counts(time.Now(), streamFilter("/u/jane")); got.Total != 0 || got.Uncounted != 1 {
		t.Errorf("got %d beacons and %d uncounted, want 0 and 1", got.Total, got.Uncounted)
	}
	if got := rs.counts(time.Now(), nil); got.Total != 1 {
		t.Errorf("all streams have %d beacons, want 1", got.Total)
	}
}
