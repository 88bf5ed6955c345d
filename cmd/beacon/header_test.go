//go:build unix

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestServe_AddressAndTokenInHeaders_AreInNoRow sends an address in headers of proxies, and a token in the page's URL.
func TestServe_AddressAndTokenInHeaders_AreInNoRow(t *testing.T) {
	for _, flags := range [][]string{{"--address", "truncate"}, {"--address", "keep", "--opt-out", "anonymous"}, {"--address", "hash", "--referer", "origin"}} {
		p := newPlace(t)
		s := p.serve("127.0.0.1:0", flags...)
		for _, signal := range []string{"0", "1"} {
			r, err := http.NewRequest("POST", s.URL+"/x", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"X-Forwarded-For", "Forwarded", "Akamai-Client-IP", "CF-Connecting-IP", "X-Real-IP", "Tracestate", "X-Request-Id", "Via", "From"} {
				r.Header.Set(name, "203.0.113.77")
			}
			r.Header.Set("Referer", "https://shop.example/reset?token=SECRET&email=a@b.example")
			r.Header.Set("Ping-From", "https://shop.example/reset?token=SECRET")
			r.Header.Set("Content-Type", "text/ping")
			r.Header.Set("Sec-GPC", signal)
			res, err := http.DefaultClient.Do(r)
			if err != nil || res.StatusCode != http.StatusNoContent {
				t.Fatal(res, err)
			}
			res.Body.Close()
		}
		rows := s.query("select * exclude id from beacons")
		export, _, _ := p.beacon("export", "--server", s.URL)
		for _, secret := range []string{"203.0.113.77", "SECRET", "a@b.example"} {
			if text := fmt.Sprint(rows) + export; len(rows) != 2 || strings.Contains(text, secret) {
				t.Errorf("%v: %s is in the %d rows or the export: %s", flags, secret, len(rows), text)
			}
		}
		s.stop()
	}
}
