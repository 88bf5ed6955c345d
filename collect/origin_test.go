package collect_test

import (
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
)

func TestOrigins_Pattern_AllowsItsOrigins(t *testing.T) {
	for _, c := range []struct{ pattern, allowed, refused string }{
		{"https://shop.example", "https://shop.example", "http://shop.example https://shop.example:8443 https://a.shop.example https://shop.example.evil https://evilshop.example null"},
		{"https://*.shop.example", "https://a.shop.example https://a.b.shop.example", "https://shop.example https://evilshop.example https://.shop.example https://a.shop.example:444 http://a.shop.example https://evil/.shop.example https://evil#.shop.example https://evil?.shop.example https://x@y.shop.example"},
		{"https://shop.example:443", "https://shop.example", "https://shop.example:444"},
		{"http://localhost:*", "http://localhost http://localhost:5173", "https://localhost http://localhost.evil:1 http://localhost:"},
		{"http://[::1]:3000", "http://[::1]:3000", "http://[::1] http://[::1]:3001"},
		{"HTTPS://Shop.Example", "https://shop.example", "https://shop"},
		{"null", "null", "https://null file://"},
		{"file://", "file://", "null file://x https://file"},
		{"moz-extension://*", "moz-extension://3e5f-1 moz-extension://x", "moz-extension:// chrome-extension://x https://moz-extension null"},
		{"capacitor://localhost", "capacitor://localhost", "https://localhost capacitor://other capacitor://localhost:1"},
		{"app://-", "app://-", "app://x"},
		{"https://*", "https://a.example https://a.example:8443", "http://a.example null https://"},
		{"*", "https://any.example null", ""},
	} {
		allow, err := collect.Origins(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, origin := range strings.Fields(c.allowed) {
			if !allow(origin) {
				t.Errorf("%s refuses %s", c.pattern, origin)
			}
		}
		for _, origin := range strings.Fields(c.refused) {
			if allow(origin) {
				t.Errorf("%s allows %s", c.pattern, origin)
			}
		}
	}
	for _, pattern := range []string{"", "shop.example", "https://", "http://", "://", "://*", "1x://*", "*://*", "https://*:80", "https://a.*.example", "https://shop.example/", "https://shop.example/x", "https://u@shop.example", "*://shop.example", "https://shop.example:x"} {
		if _, err := collect.Origins(pattern); err == nil || !strings.Contains(err.Error(), "write https://shop.example") {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	if _, err := collect.Origins("https://*.bücher.example"); err == nil || !strings.Contains(err.Error(), "xn--") {
		t.Errorf("a name that no browser sends: %v", err)
	}
}

func TestAPageThatMayNotSendIsToldSo(t *testing.T) {
	allow, err := collect.Origins("https://*.shop.example")
	if err != nil {
		t.Fatal(err)
	}
	c, url := open(t, collect.Options{Origin: allow})
	for _, x := range []struct {
		method, origin string
		status         int
		echoed         string
	}{
		{"POST", "https://www.shop.example", 204, "https://www.shop.example"},
		{"POST", "https://evil.example", 403, ""},
		{"POST", "", 204, ""}, // a program
		{"OPTIONS", "https://www.shop.example", 204, "https://www.shop.example"},
		{"OPTIONS", "https://evil.example", 403, ""},
	} {
		header := []string{"Access-Control-Request-Method", "POST"}
		if x.origin != "" {
			header = append(header, "Origin", x.origin)
		}
		res := do(t, x.method, url+"/x", "", header...)
		if res.StatusCode != x.status || res.Header.Get("Access-Control-Allow-Origin") != x.echoed {
			t.Errorf("%s of %s: %s, allowed %q", x.method, x.origin, res.Status, res.Header.Get("Access-Control-Allow-Origin"))
		}
		if x.origin != "" && !strings.Contains(strings.Join(res.Header.Values("Vary"), ","), "Origin") {
			t.Errorf("%s of %s: Vary %q", x.method, x.origin, res.Header.Values("Vary"))
		}
		if text := text(t, res); x.status == 403 && !strings.Contains(text, "https://evil.example may not send here") {
			t.Errorf("%q", text)
		}
	}
	if n := len(records(t, c)); n != 2 {
		t.Errorf("%d are kept", n)
	}
	checkStats(t, c, func(s collect.Stats) bool {
		return s.Received == 3 && s.Accepted == 2 && s.Refused["origin"] == 1 && s.Preflights == 1 && s.PreflightsRefused == 1
	})
}
