package collect

import (
	"net/http/httptest"
	"testing"
	"time"
)

func TestAPreflightWithoutItsPostIsAnOrphan(t *testing.T) {
	var p preflights
	request := func(path, origin string) (key uint64) {
		r := httptest.NewRequest("OPTIONS", path, nil)
		r.Header.Set("Origin", origin)
		return p.key(r, sender{})
	}
	came := func(path, origin string) {
		r := httptest.NewRequest("POST", path, nil)
		r.Header.Set("Origin", origin)
		p.came(r, sender{})
	}
	now := time.Unix(1000, 0)
	p.asked(request("/a", "https://a.example"), now)
	p.asked(request("/b", "https://a.example"), now)
	p.asked(request("/a", "https://b.example"), now)
	came("/a", "https://a.example")
	came("/never-asked", "https://a.example")
	if n := p.count(now.Add(orphanAge)); n != 0 {
		t.Errorf("%d before their time", n)
	}
	p.asked(request("/c", "https://a.example"), now.Add(orphanAge)) // a younger one
	if n := p.count(now.Add(orphanAge + 2*time.Second)); n != 2 {
		t.Errorf("%d orphans, want /b and that of b.example", n)
	}
	if n := p.count(now.Add(2*orphanAge + 4*time.Second)); n != 3 {
		t.Errorf("%d orphans, want 3", n)
	}
	for i := range 2 * preflightsKept {
		p.asked(uint64(i), now.Add(3*orphanAge))
	}
	if len(p.waiting) > preflightsKept {
		t.Errorf("%d are remembered", len(p.waiting))
	}
}

func TestAPreflightForNoBeaconIsNoOrphan(t *testing.T) {
	c := &Collector{}
	for _, method := range []string{"PUT", "GET", "POST"} {
		r := httptest.NewRequest("OPTIONS", "/x", nil)
		r.Header.Set("Origin", "https://a.example")
		r.Header.Set("Access-Control-Request-Method", method)
		c.preflight(httptest.NewRecorder(), r)
	}
	if n := len(c.preflights.waiting); n != 1 {
		t.Errorf("%d wait for their POST, want 1", n)
	}
}

func TestPreflight_Spread_IsNoOrphan(t *testing.T) {
	c := newCollector(Options{Spread: true}.orDefault(), func([]byte) error { return nil })
	r := httptest.NewRequest("OPTIONS", "/events", nil)
	r.Header.Set("Origin", "https://shop.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	c.ServeHTTP(httptest.NewRecorder(), r)
	if n := len(c.preflights.waiting); n != 0 {
		t.Errorf("%d preflights wait for their beacon", n)
	}
}
