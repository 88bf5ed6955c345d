//go:build unix

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// writeCountry writes a MaxMind DB file in which one network is in a country.
func writeCountry(t *testing.T, file, network, country string) {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-Country", Description: map[string]string{"en": "test"}, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	_, in, err := net.ParseCIDR(network)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Insert(in, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(country)}}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(file + ".new")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// postAs posts an event of the script as a client behind a proxy on this machine.
func (s *server) postAs(ip, userAgent, referrer, body string) {
	s.p.t.Helper()
	req, err := http.NewRequest("POST", s.URL+"/visits", strings.NewReader(body))
	if err != nil {
		s.p.t.Fatal(err)
	}
	req.Header = http.Header{"X-Forwarded-For": {ip}, "User-Agent": {userAgent}, "Referer": {referrer}, "Content-Type": {"text/plain;charset=UTF-8"}}
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusNoContent {
		s.p.t.Fatalf("post as %s: %v, %v", ip, res, err)
	}
	res.Body.Close()
}

func TestServe_BotsAndCountries_AreColumnsWithoutTheAddress(t *testing.T) {
	dir := t.TempDir()
	countries, rules := filepath.Join(dir, "country.mmdb"), filepath.Join(dir, "bots.txt")
	writeCountry(t, countries, "203.0.113.0/25", "NZ")
	if err := os.WriteFile(rules, []byte("agent uptimerobot\nreferrer spam.example\nnetwork 203.0.113.128/32 # not the rest of its /24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
	p := newPlace(t)
	s := p.serve("127.0.0.1:0", "--geoip", countries, "--bots", rules, "--address", "drop", "--proxy", "127.0.0.1")
	for n, x := range []struct{ ip, agent, referrer, source string }{
		{"203.0.113.7", firefox, "https://shop.example/", "news.example"},
		{"203.0.113.129", firefox, "https://shop.example/", ""},
		{"203.0.113.128", firefox, "https://shop.example/", ""},
		{"203.0.113.7", firefox, "https://shop.example/", "www.spam.example"},
		{"203.0.113.7", firefox, "https://semalt.com/", ""},
		{"203.0.113.7", "UptimeRobot/2.0", "", ""},
		{"203.0.113.7", "Googlebot/2.1", "", ""},
	} {
		s.postAs(x.ip, x.agent, x.referrer, fmt.Sprintf(`{"name":"view","view":"%d","n":1,"path":"/","weight":1,"source":%q}`, n, x.source))
	}
	const all = "select view, country, bot, bot_reason from beacons order by view"
	want := "[map[bot:false bot_reason:<nil> country:NZ view:0] map[bot:false bot_reason:<nil> country:<nil> view:1] map[bot:true bot_reason:network country:<nil> view:2]" +
		" map[bot:true bot_reason:referrer country:NZ view:3] map[bot:true bot_reason:referrer country:NZ view:4] map[bot:true bot_reason:agent country:NZ view:5] map[bot:true bot_reason:agent country:NZ view:6]]"
	if got := fmt.Sprint(s.query(all)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := fmt.Sprint(s.query("select count(ip) as ips from beacons")); got != "[map[ips:0]]" {
		t.Errorf("stored addresses: got %s, want none", got)
	}

	writeCountry(t, countries, "203.0.113.0/25", "FR")
	eventually(t, "the new file of countries is in use", func() bool {
		s.postAs("203.0.113.7", firefox, "", `{}`)
		return fmt.Sprint(s.query("select count(*) > 0 as new from beacons where country = 'FR'")) == "[map[new:true]]"
	})

	// Another collector has neither the file nor the rules. It keeps the reasons of the export, and stores no country.
	export, errs, status := p.beacon("export", "--server", s.URL, "--format", "warc")
	if status != 0 {
		t.Fatal(errs)
	}
	s.stop()
	file := filepath.Join(dir, "export.warc")
	if err := os.WriteFile(file, []byte(export), 0o600); err != nil {
		t.Fatal(err)
	}
	other := newPlace(t)
	s = other.serve("127.0.0.1:0")
	if _, errs, status := other.beacon("import", "--server", s.URL, file); status != 0 {
		t.Fatal(errs)
	}
	want = "[map[bot_reason:agent n:2] map[bot_reason:network n:1] map[bot_reason:referrer n:2]]"
	if got := fmt.Sprint(s.query("select bot_reason, count(*) as n from beacons where bot group by all order by bot_reason")); got != want {
		t.Errorf("after the import: got %s, want %s", got, want)
	}
	if got := fmt.Sprint(s.query("select count(country) as n from beacons")); got != "[map[n:0]]" {
		t.Errorf("countries after the import without --geoip: got %s, want none", got)
	}
}
