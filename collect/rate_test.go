package collect

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestABurstAndThenSoManyASecond(t *testing.T) {
	var rs rates[string]
	now := time.Unix(1000, 0)
	for i := range 20 { // ten seconds' worth of 2
		if d := rs.wait("a", 2, now); d != 0 {
			t.Fatalf("number %d waits %v", i, d)
		}
	}
	if d := rs.wait("a", 2, now); d != 500*time.Millisecond {
		t.Errorf("waits %v", d)
	}
	if d := rs.wait("b", 2, now); d != 0 {
		t.Errorf("another waits %v", d)
	}
	// In a second two more, however often it asked in between.
	now = now.Add(time.Second)
	for i, want := range []time.Duration{0, 0, 500 * time.Millisecond} {
		if d := rs.wait("a", 2, now); d != want {
			t.Errorf("number %d waits %v", i, d)
		}
	}
	// After two turns nothing is left of it, and it has its whole burst.
	for i := 1; i <= 2; i++ {
		rs.wait("b", 2, now.Add(time.Duration(i)*11*time.Second))
	}
	if len(rs.now)+len(rs.before) > 2 {
		t.Errorf("%d keys are remembered", len(rs.now)+len(rs.before))
	}
}

// What is forgotten at a turn is only what has its whole burst again.
func TestATurnForgivesNothing(t *testing.T) {
	var rs rates[string]
	now := time.Unix(1000, 0)
	allowed := 0
	for range 1000 { // 20 a second, for 50 seconds
		if rs.wait("a", 2, now) == 0 {
			allowed++
		}
		now = now.Add(50 * time.Millisecond)
	}
	if allowed < 119 || allowed > 121 { // 20 at once and 2 a second
		t.Errorf("%d came through", allowed)
	}
}

func TestManyAddressesTakeLittleMemory(t *testing.T) {
	var rs rates[string]
	for i := range 5 * ratesKept {
		rs.wait(strconv.Itoa(i), 1, time.Unix(1000, 0))
	}
	if n := len(rs.now) + len(rs.before); n > 2*ratesKept {
		t.Errorf("%d keys are remembered", n)
	}
}

func TestOneAddressIsANetworkOfIPv6(t *testing.T) {
	for _, x := range []struct {
		a, b string
		same bool
	}{
		{"203.0.113.1", "203.0.113.1", true},
		{"203.0.113.1", "203.0.113.2", false},
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", false},
	} {
		if same := neighbourhood(netip.MustParseAddr(x.a)) == neighbourhood(netip.MustParseAddr(x.b)); same != x.same {
			t.Errorf("%s and %s: %v", x.a, x.b, same)
		}
	}
}

func TestOriginRate_LongOrigins_MemoryIsBounded(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	c := NewForTest(Options{OriginRate: 1})
	before := heap()
	for i := range 5000 {
		r := httptest.NewRequest("POST", "/x", nil)
		r.Header.Set("Origin", fmt.Sprintf("https://%d.", i)+strings.Repeat("a", 16000))
		c.ServeHTTP(httptest.NewRecorder(), r)
	}
	c.recent.clear()
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("5,000 origins of 16 kB take %d MiB, want at most 8", grown>>20)
	}
	runtime.KeepAlive(c)
}
