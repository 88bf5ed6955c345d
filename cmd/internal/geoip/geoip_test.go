package geoip

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// places returns a record of GeoLite2-Country. "" leaves a part out.
func places(country, registered string) mmdbtype.Map {
	m := mmdbtype.Map{}
	for name, code := range map[string]string{"country": country, "registered_country": registered} {
		if code != "" {
			m[mmdbtype.String(name)] = mmdbtype.Map{"iso_code": mmdbtype.String(code), "geoname_id": mmdbtype.Uint32(1)}
		}
	}
	return m
}

// database returns the bytes of a MaxMind DB with networks.
func database(t testing.TB, networks map[string]mmdbtype.Map) []byte {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "Test-Country", Description: map[string]string{"en": "test"}, IncludeReservedNetworks: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for text, values := range networks {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(network, values); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func TestCountry_AddressesOfAllKinds_CountryOrRegisteredCountry(t *testing.T) {
	file := filepath.Join(t.TempDir(), "country.mmdb")
	write(t, file, database(t, map[string]mmdbtype.Map{
		"203.0.113.0/24":  places("NZ", "US"),
		"198.51.100.0/24": places("", "FR"),
		"192.0.2.0/24":    places("", ""),
		"2001:db8::/32":   places("DE", "DE"),
	}))
	d, err := Open(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]string{
		"203.0.113.7": "NZ", "::ffff:203.0.113.7": "NZ", "198.51.100.1": "FR", "192.0.2.1": "", "10.0.0.1": "", "2001:db8::1": "DE", "2001:db9::1": "",
	} {
		if got := d.Country(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: got %q, want %q", ip, got, want)
		}
	}
	if got := d.Country(netip.Addr{}); got != "" {
		t.Errorf("an invalid address: got %q, want none", got)
	}
}

func TestOpen_UnusableFile_SaysWhatIsWrong(t *testing.T) {
	whole := database(t, map[string]mmdbtype.Map{"203.0.113.0/24": places("NZ", "NZ")})
	flipped := bytes.Clone(whole)
	for i := range 16 {
		flipped[i] ^= 0x55 // in the search tree
	}
	for name, x := range map[string]struct {
		data []byte
		want string
	}{
		"text":                 {[]byte("not a database"), "damaged, or not a MaxMind DB file"},
		"empty":                {nil, "damaged, or not a MaxMind DB file"},
		"cut short":            {whole[:len(whole)/2], "damaged, or not a MaxMind DB file"},
		"changed bits":         {flipped, "damaged, or not a MaxMind DB file"},
		"no countries":         {database(t, map[string]mmdbtype.Map{"203.0.113.0/24": {"autonomous_system_number": mmdbtype.Uint32(64496)}}), "has no countries"},
		"larger than the most": {make([]byte, maxSize+1<<20), "use a file of countries"},
	} {
		file := filepath.Join(t.TempDir(), "country.mmdb")
		write(t, file, x.data)
		if _, err := Open(file, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got the error %v, want one with the file's name and %q", name, err, x.want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.mmdb"), slog.New(slog.DiscardHandler)); !os.IsNotExist(err) {
		t.Errorf("a missing file: got the error %v", err)
	}
}

// The log has a damaged file once, and only if it stays.
func TestCountry_FileReplaced_UsesTheNewOneAndKeepsTheOldOneOverADamagedOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "country.mmdb")
	write(t, file, database(t, map[string]mmdbtype.Map{"203.0.113.0/24": places("NZ", "NZ")}))
	second := database(t, map[string]mmdbtype.Map{"203.0.113.0/24": places("FR", "FR"), "2001:db8::/32": places("DE", "DE")})
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d, err := Open(file, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ip := netip.MustParseAddr("203.0.113.7")
		// look returns the country after the next check.
		look := func() string {
			time.Sleep(2 * check)
			d.Country(ip)
			synctest.Wait()
			return d.Country(ip)
		}
		for name, data := range map[string][]byte{"half of a file": second[:len(second)/2], "an empty file": nil, "a missing file": nil} {
			if write(t, file, data); name == "a missing file" {
				os.Remove(file)
			}
			log.Reset()
			for n := range 4 {
				if got := look(); got != "NZ" {
					t.Errorf("%s: got %q, want NZ", name, got)
				}
				if lines := strings.Count(log.String(), "can't be used"); lines != min(n, 1) {
					t.Errorf("%s: after check %d the log is %q", name, n, &log)
				}
			}
		}
		write(t, file, second)
		d.Country(ip)
		synctest.Wait()
		if got := d.Country(ip); got != "NZ" {
			t.Errorf("the file is checked more often than once a second: got %q, want NZ", got)
		}
		if got := look(); got != "FR" {
			t.Errorf("after the new file: got %q, want FR", got)
		}
	})
}
