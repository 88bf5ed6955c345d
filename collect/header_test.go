package collect_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

// proxyHeaders are headers in which proxies and programs name the client.
var proxyHeaders = strings.Fields(`X-Forwarded-For Forwarded X-Forwarded X-Real-IP X-Client-IP Client-IP True-Client-IP X-Cluster-Client-IP
	X-Original-Forwarded-For Forwarded-For X-ProxyUser-IP Via X-Remote-IP X-Remote-Addr Remote-Addr X-Originating-IP X-Host
	CF-Connecting-IP CF-Connecting-IPv6 CF-Pseudo-IPv4 CF-Ray CDN-Loop Fastly-Client-IP Fly-Client-IP Akamai-Client-IP
	CloudFront-Viewer-Address X-Azure-ClientIP X-Azure-SocketIP X-AppEngine-User-IP X-Vercel-Forwarded-For
	X-Vercel-Proxied-For X-NF-Client-Connection-IP DO-Connecting-IP Ali-CDN-Real-IP Cdn-Src-Ip X-Envoy-External-Address
	X-Request-Id X-Correlation-Id X-Amzn-Trace-Id X-Cloud-Trace-Context X-B3-TraceId Tracestate Baggage Uber-Trace-Id
	X-Amz-Cf-Id X-Haproxy-Unique-Id X-Wap-Profile X-UIDH X-Up-Subno X-Msisdn X-Nokia-Ipaddress WL-Proxy-Client-IP
	Proxy-Client-IP HTTP-Client-IP X-Sucuri-ClientIP Incap-Client-IP X-Forwarded-Host X-Forwarded-By X-From From Cookie2
	Accept Accept-Encoding Cache-Control Pragma Priority Referrer X-Requested-With
	Sec-Fetch-Clientip Sec-CH-Client-Address Sec-Fetch-Site Sec-CH-UA-Platform Sec-CH-UA-Mobile Sec-CH-Dpr Sec-CH-Prefers-Color-Scheme
	Dpr Ect Rtt Width Viewport-Width Downlink Device-Memory Save-Data Origin`)

// spellings returns forms in which a header can name an address.
func spellings(a netip.Addr) []string {
	bytes := a.AsSlice()
	expanded := a.StringExpanded()
	forms := []string{a.String(), expanded, strings.ToUpper(expanded), url.QueryEscape(a.String()), "[" + a.String() + "]:443", a.String() + ":46532",
		"for=" + a.String(), `for="[` + a.String() + `]"`, hex.EncodeToString(bytes), strings.ToUpper(hex.EncodeToString(bytes)),
		"10.0.0.1, " + a.String(), "client=" + a.String() + ";x", netip.AddrFrom16(a.As16()).StringExpanded()}
	if a.Is4() {
		forms = append(forms, fmt.Sprintf("%d", uint32(bytes[0])<<24|uint32(bytes[1])<<16|uint32(bytes[2])<<8|uint32(bytes[3])),
			fmt.Sprintf("%03d.%03d.%03d.%03d", bytes[0], bytes[1], bytes[2], bytes[3]), fmt.Sprintf("0x%08x", bytes), "::ffff:"+a.String())
	}
	return forms
}

func TestHeaders_AddressInAnyHeader_IsNotOnDisk(t *testing.T) {
	for _, address := range []collect.Address{collect.AddressTruncated, collect.AddressKept, collect.AddressDropped, collect.AddressHashed} {
		for _, optOut := range []collect.OptOut{collect.OptOutKeep, collect.OptOutAnonymous, collect.OptOutRefuse} {
			for _, signal := range []string{"", "1"} {
				dir := t.TempDir()
				var log bytes.Buffer
				_, url := openIn(t, dir, collect.Options{Address: address, OptOut: optOut, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				var secrets []string
				for _, a := range []string{"203.0.113.77", "2001:db8:1:2:3::77"} {
					for i, form := range spellings(netip.MustParseAddr(a)) {
						header := []string{"Sec-Gpc", signal}
						for j, name := range proxyHeaders {
							if (i+j)%3 > 0 { // else one header is longer than the server takes
								header = append(header, name, form)
							}
						}
						do(t, "POST", url+"/x", "body", header...)
						secrets = append(secrets, form)
					}
				}
				for _, secret := range secrets {
					nowhere(t, dir, secret)
					if strings.Contains(log.String(), secret) {
						t.Errorf("%v, %v: the log has %s", address, optOut, secret)
					}
				}
			}
		}
	}
}

func TestHeaders_PageURL_IsStoredAsTheFlagSays(t *testing.T) {
	const secret = "https://me:SECRET@shop.example:8443/reset?token=SECRET&email=a@b.c#SECRET"
	for mode, want := range map[collect.Referrer]string{
		collect.ReferrerPath:   "https://shop.example:8443/reset",
		collect.ReferrerOrigin: "https://shop.example:8443/",
		collect.ReferrerFull:   secret,
	} {
		dir := t.TempDir()
		c, url := openIn(t, dir, collect.Options{Referrer: mode})
		do(t, "POST", url+"/x", "PING", "Content-Type", "text/ping", "Referer", secret, "Ping-From", secret, "Ping-To", secret)
		all := records(t, c)
		if r := row.Of(&all[0]); r.Referrer != want || string(r.Data) != fmt.Sprintf(`{"from":%q,"to":%q}`, want, want) {
			t.Errorf("%v: got %q and %s, want %q", mode, r.Referrer, r.Data, want)
		}
		if mode != collect.ReferrerFull {
			nowhere(t, dir, "SECRET")
			nowhere(t, dir, "a@b.c")
		}
	}
}

func TestHeaders_OddPageURL_HasNoQuery(t *testing.T) {
	for url, want := range map[string][2]string{ // as path and as origin
		"android-app://com.example/": {"android-app://com.example/", "android-app://com.example/"},
		"https://shop.example":       {"https://shop.example", "https://shop.example/"},
		"https://shop.example?a=b":   {"https://shop.example", "https://shop.example/"},
		"/reset?token=x":             {"", ""},
		"about:blank?x":              {"", ""},
		"?x":                         {"", ""},

		"//u:SECRET@h/p":               {"", ""},
		`https:\\u:SECRET@shop\p`:      {"", ""},
		`https:/\u:SECRET@shop/p`:      {"", ""},
		"https:u:SECRET@shop/p":        {"", ""},
		"https:///u:SECRET@shop/p":     {"", ""},
		`https://u:SEC\RET@shop/p`:     {"", ""},
		"x y://u:SECRET@shop/p":        {"", ""},
		`https://u:SECRET@shop:8443\p`: {`https://shop:8443\p`, "https://shop:8443/"},
		"HTTPS://u@S@[::1]:80/p":       {"HTTPS://[::1]:80/p", "HTTPS://[::1]:80/"},
	} {
		for i, mode := range []collect.Referrer{collect.ReferrerPath, collect.ReferrerOrigin} {
			c, server := open(t, collect.Options{Referrer: mode})
			do(t, "POST", server+"/x", "", "Referer", url)
			r := records(t, c)[0]
			if got := row.Of(&r).Referrer; got != want[i] {
				t.Errorf("%v of %q: got %q, want %q", mode, url, got, want[i])
			}
		}
	}
}

func TestHeaders_Origin_IsStoredIfItIsOne(t *testing.T) {
	for origin, stored := range map[string]bool{
		"https://shop.example": true, "http://127.0.0.1:8080": true, "http://[::1]:80": true, "null": true, "file://": true,
		"moz-extension://d56a5b99-51b6-4e83-ab23-796216679614": true, "capacitor://localhost": true,
		"https://x/?SECRET": false, "https://x/": false, "https://u:SECRET@x": false, "https://": false, "SECRET": false, "https://x:SECRET": false,
		"//x": false, "https://a, https://b": false,
	} {
		c, url := open(t, collect.Options{})
		do(t, "POST", url+"/x", "", "Origin", origin)
		got := row.Of(&records(t, c)[0]).Origin
		if stored && got != origin || !stored && got != "" {
			t.Errorf("%s: got %q", origin, got)
		}
	}
}

func TestHeaders_Hints_AreStoredIfTheyAreHints(t *testing.T) {
	long := `"` + strings.Repeat("x", 1<<10) + `"`
	for _, x := range []struct {
		name, value string
		stored      bool
	}{
		{"Sec-Fetch-Site", "cross-site", true}, {"Sec-Fetch-Mode", "no-cors", true}, {"Sec-Fetch-Dest", "empty", true}, {"Sec-Fetch-User", "?1", true}, {"Sec-Fetch-Storage-Access", "active", true},
		{"Sec-CH-UA", `"Chromium";v="126", "Not/A)Brand";v="8"`, true}, {"Sec-CH-UA-Arch", `"x86"`, true}, {"Sec-CH-UA-Bitness", `"64"`, true}, {"Sec-CH-UA-Form-Factors", `"Desktop", "XR"`, true},
		{"Sec-CH-UA-Full-Version", `"126.0.0.0"`, true}, {"Sec-CH-UA-Full-Version-List", `"Chromium";v="126.0.0.0"`, true}, {"Sec-CH-UA-Mobile", "?0", true}, {"Sec-CH-UA-Model", `""`, true},
		{"Sec-CH-UA-Platform", `"Windows"`, true}, {"Sec-CH-UA-Platform-Version", `"15.0.0"`, true}, {"Sec-CH-UA-WoW64", "?0", true},
		{"Sec-CH-Prefers-Color-Scheme", "dark", true}, {"Sec-CH-Prefers-Reduced-Motion", `"no-preference"`, true}, {"Sec-CH-Prefers-Reduced-Transparency", "reduce", true},
		{"Sec-CH-Prefers-Contrast", "more", true}, {"Sec-CH-Forced-Colors", "active", true},
		{"Sec-CH-DPR", "2.625", true}, {"Sec-CH-Width", "300", true}, {"Sec-CH-Viewport-Width", "1280", true}, {"Sec-CH-Viewport-Height", "720", true}, {"Sec-CH-Device-Memory", "0.25", true},
		{"DPR", "1.100000023841858", true}, {"Device-Memory", "8", true}, {"Downlink", "10", true}, {"RTT", "50", true}, {"Width", "0", true}, {"Viewport-Width", "1280", true},
		{"ECT", "slow-2g", true}, {"ECT", "4g", true}, {"Save-Data", "on", true},

		{"Sec-Fetch-Clientip", "198.51.100.64", false}, {"Sec-CH-Client-Address", "::ffff:1.2.3.4", false}, {"Sec-Fetch-Site", "198.51.100.64", false}, {"Sec-Fetch-Dest", strings.Repeat("a", 33), false},
		{"Sec-CH-UA", long, false}, {"Sec-CH-UA-Full-Version", long, false}, {"Sec-CH-UA-Model", `"198.51.100.64"`, false}, {"Sec-CH-UA-Model", `"[::1]:443"`, false}, {"Sec-CH-UA-Arch", "198.51.100.64", false},
		{"DPR", "198.51.100.64", false}, {"DPR", "3325256768", false}, {"Width", "::1", false}, {"Width", "", false}, {"RTT", "-", false}, {"ECT", "5g", false}, {"Save-Data", "198.51.100.64", false},
	} {
		c, url := open(t, collect.Options{})
		do(t, "POST", url+"/x", "", x.name, x.value)
		if got := records(t, c)[0].Request.Header.Get(x.name); x.stored && got != x.value || !x.stored && got != "" {
			t.Errorf("%s: %s: got %q", x.name, x.value, got)
		}
	}
	c, url := open(t, collect.Options{KeepHeader: []string{"Dpr", "Sec-Fetch-Clientip"}})
	do(t, "POST", url+"/x", "", "Dpr", "x", "Sec-Fetch-Clientip", "y")
	if got := headers(records(t, c)[0]); !strings.Contains(got, "Dpr: x\n") || !strings.Contains(got, "Sec-Fetch-Clientip: y\n") {
		t.Errorf("kept by name: got %s", got)
	}
}

func TestHeaders_KeepHeader_AddsThem(t *testing.T) {
	c, url := open(t, collect.Options{KeepHeader: []string{"x-github-event", "Cookie", "authorization"}})
	do(t, "POST", url+"/x", "", "X-GitHub-Event", "push", "X-Other", "1", "Cookie", "a=b", "Authorization", "Bearer x", "Traceparent", "00-x", "Beacon-Lost", "expired=1")
	r := records(t, c)[0]
	for name, want := range map[string]string{"X-GitHub-Event": "push", "X-Other": "", "Cookie": "", "Authorization": "", "Traceparent": "00-x", "Beacon-Lost": "expired=1"} {
		if got := r.Request.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Buffers are shared by the collectors of a process, and have the names of the last header.
func TestHeaders_TwoCollectors_HaveTheirOwnRules(t *testing.T) {
	one, oneURL := open(t, collect.Options{KeepHeader: []string{"X-User"}})
	two, twoURL := open(t, collect.Options{})
	for range 10 {
		do(t, "POST", oneURL+"/x", "", "X-User", "me")
		do(t, "POST", twoURL+"/x", "", "X-User", "me")
	}
	for c, want := range map[*collect.Collector]string{one: "me", two: ""} {
		for _, r := range records(t, c) {
			if got := r.Request.Header.Get("X-User"); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
}

func TestOptOut_AnySpellingOfTheSignal_Counts(t *testing.T) {
	for _, x := range []struct {
		header []string
		status int
	}{
		{[]string{"DNT", "1"}, 200}, {[]string{"DNT", "1;ext"}, 200}, {[]string{"DNT", "1xyz"}, 200}, {[]string{"DNT", "0"}, 204}, {[]string{"DNT", "0", "DNT", "1"}, 200},
		{[]string{"DNT", "0, 1"}, 200}, {[]string{"DNT", "0,0"}, 204}, {[]string{"Sec-GPC", "1, 1"}, 200}, {[]string{"Sec-GPC", "0,1"}, 200}, {[]string{"Sec-GPC", "0, 10"}, 204},
		{[]string{"Sec-GPC", "1"}, 200}, {[]string{"Sec-GPC", "0", "Sec-GPC", "1"}, 200}, {[]string{"Sec-GPC", "?1"}, 204}, {[]string{"Sec-GPC", "0"}, 204}, {nil, 204},
	} {
		_, url := open(t, collect.Options{OptOut: collect.OptOutRefuse})
		if res := do(t, "POST", url+"/x", "", x.header...); res.StatusCode != x.status {
			t.Errorf("%q: got %s, want %d", x.header, res.Status, x.status)
		}
	}
}

func TestOptOutAnonymous_PageAndAddedHeaders_AreNotStored(t *testing.T) {
	c, url := open(t, collect.Options{OptOut: collect.OptOutAnonymous, KeepHeader: []string{"X-User"}})
	do(t, "POST", url+"/x", "PING", "Sec-Gpc", "1", "Content-Type", "text/ping", "Ping-From", "https://shop.example/me", "Ping-To", "https://a.example/", "X-User", "me", "Traceparent", "00-me")
	r := records(t, c)[0]
	if got := headers(r); strings.Contains(got, "me") || !strings.Contains(got, "a.example") {
		t.Errorf("got %s", got)
	}
}
