package collect

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

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

func TestHash_RequestBegunBeforeMidnight_SaltStays(t *testing.T) {
	var s salt
	a := netip.MustParseAddr("192.0.2.1")
	midnight := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	first := s.hash(a, midnight.Add(time.Second))
	s.hash(a, midnight.Add(-2*time.Second))
	if second := s.hash(a, midnight.Add(3*time.Second)); second != first {
		t.Errorf("one address has two hashes on one day: %s and %s", first, second)
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

func TestPixel_Answer200_IsNotCached(t *testing.T) {
	c := NewForTest(Options{Answer200: func(string) bool { return true }})
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest("GET", "/x.gif", nil))
	if got := w.Header().Get("Cache-Control"); w.Code != 200 || got != "no-store" {
		t.Errorf("got %d with Cache-Control %q, want 200 with no-store", w.Code, got)
	}
}

func TestImports_Request_NeedsPathAndToken(t *testing.T) {
	c := NewForTest(Options{Token: "secret"})
	for _, x := range []struct {
		path, authorization string
		want                bool
	}{
		{"/-/import", "Bearer secret", true},
		{"/-/import", "Bearer wrong", false},
		{"/-/import", "", false},
		{"/-/login", "Bearer secret", false},
		{"/x", "Bearer secret", false},
	} {
		r := httptest.NewRequest("POST", x.path, nil)
		r.Header.Set("Authorization", x.authorization)
		if got := c.Imports(r); got != x.want {
			t.Errorf("%s with %q: got %v, want %v", x.path, x.authorization, got, x.want)
		}
	}
}

func TestCookie_Age_IsAtMostThirtyDays(t *testing.T) {
	c := NewForTest(Options{Token: "secret"})
	now := time.Now()
	for _, x := range []struct {
		value string
		want  bool
	}{
		{cookieValue("secret", now), true},
		{cookieValue("secret", now.Add(-cookieAge+time.Minute)), true},
		{cookieValue("secret", now.Add(-cookieAge-time.Minute)), false},
		{cookieValue("other", now), false},
		{"x" + cookieValue("secret", now), false},
		{"", false},
	} {
		if got := c.validCookie(x.value, now); got != x.want {
			t.Errorf("%s: got %v, want %v", x.value, got, x.want)
		}
	}
}

func TestLocal_ProxyHeader_IsAnotherMachine(t *testing.T) {
	for _, name := range []string{"", "Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip"} {
		r := httptest.NewRequest("GET", "http://127.0.0.1:8080/-/metrics", nil)
		r.RemoteAddr = "127.0.0.1:5000"
		if name != "" {
			r.Header.Set(name, "x")
		}
		if got := local(r); got != (name == "") {
			t.Errorf("%q: local is %v", name, got)
		}
	}
}
