package collect_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
)

// Requests in these tests come from 127.0.0.1, which is a trusted proxy in all but the last.
func TestTheSenderIsTheNearestThatIsNoProxy(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:cafe::/48")}
	c, url := open(t, collect.Options{Proxies: proxies, Address: collect.AddressKept})
	for _, x := range []struct {
		name   string
		header []string
		want   string
	}{
		{"nothing is said", nil, "127.0.0.1"},
		{"one hop", []string{"X-Forwarded-For", "203.0.113.7"}, "203.0.113.7"},
		{"the client wrote one itself", []string{"X-Forwarded-For", "198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{"two proxies", []string{"X-Forwarded-For", "198.51.100.1, 203.0.113.7, 10.1.2.3"}, "203.0.113.7"},
		{"two fields", []string{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-For", "203.0.113.7,10.1.2.3"}, "203.0.113.7"},
		{"only proxies", []string{"X-Forwarded-For", "10.9.9.9, 10.1.2.3"}, "10.9.9.9"},
		{"with a port", []string{"X-Forwarded-For", "203.0.113.7:4711"}, "203.0.113.7"},
		{"IPv6", []string{"X-Forwarded-For", "2001:db8:1::7"}, "2001:db8:1::7"},
		{"IPv6 with a port", []string{"X-Forwarded-For", "[2001:db8:1::7]:4711"}, "2001:db8:1::7"},
		{"IPv4 in IPv6", []string{"X-Forwarded-For", "::ffff:203.0.113.7, ::ffff:10.0.0.1"}, "203.0.113.7"},
		{"nonsense", []string{"X-Forwarded-For", "203.0.113.7, who"}, "127.0.0.1"},
		{"nonsense behind a proxy", []string{"X-Forwarded-For", "who, 10.1.2.3"}, "10.1.2.3"},
		{"an empty element at the end", []string{"X-Forwarded-For", "203.0.113.7,"}, "203.0.113.7"},
		{"empty elements", []string{"X-Forwarded-For", " , 203.0.113.7,, 10.1.2.3 , "}, "203.0.113.7"},
		{"Forwarded, an empty element at the end", []string{"Forwarded", "for=203.0.113.7, ,"}, "203.0.113.7"},
		{"Forwarded, quotes left open behind an element", []string{"Forwarded", `for=198.51.100.1, by=", for=203.0.113.7`}, "127.0.0.1"},
		{"empty", []string{"X-Forwarded-For", ""}, "127.0.0.1"},
		{"Forwarded", []string{"Forwarded", `for=198.51.100.1, for="203.0.113.7:4711";proto=https;by=10.0.0.1`}, "203.0.113.7"},
		{"Forwarded, IPv6", []string{"Forwarded", `For="[2001:db8:1::7]:4711", for="[2001:db8:cafe::2]"`}, "2001:db8:1::7"},
		{"Forwarded, hidden", []string{"Forwarded", `for=198.51.100.1, for=_hidden, for=10.1.2.3`}, "10.1.2.3"},
		{"Forwarded, a comma in quotes", []string{"Forwarded", `for=203.0.113.7;by="a,for=198.51.100.1"`}, "203.0.113.7"},
		{"Forwarded, quotes that the client left open", []string{"Forwarded", `for=198.51.100.1;by=", for=203.0.113.7`}, "127.0.0.1"},
		{"both agree", []string{"Forwarded", "for=203.0.113.7", "X-Forwarded-For", "203.0.113.7"}, "203.0.113.7"},
		{"both, and one of them is made up", []string{"Forwarded", "for=198.51.100.1", "X-Forwarded-For", "203.0.113.7"}, "127.0.0.1"},
	} {
		before := len(records(t, c))
		if res := postLines(t, url, x.header); !strings.Contains(res, " 204 ") {
			t.Fatal(res)
		}
		if got := records(t, c)[before].IP; got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}

	c, url = open(t, collect.Options{Address: collect.AddressKept})
	do(t, "POST", url, "", "X-Forwarded-For", "203.0.113.7")
	if got := records(t, c)[0].IP; got != "127.0.0.1" {
		t.Errorf("anybody is believed: %s", got)
	}
}

func TestATrustedProxySaysThatItWasHTTPS(t *testing.T) {
	c, url := open(t, collect.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	do(t, "POST", url+"/a", "", "X-Forwarded-Proto", "https", "Host", "shop.example")
	do(t, "POST", url+"/b", "", "Forwarded", "for=203.0.113.7;proto=https", "Host", "shop.example")
	do(t, "POST", url+"/c", "", "X-Forwarded-Proto", "gopher", "Host", "shop.example")
	for i, want := range []string{"https://shop.example/a", "https://shop.example/b", "http://shop.example/c"} {
		if got := records(t, c)[i].Target; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
