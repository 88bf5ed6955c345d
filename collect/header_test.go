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
	Accept Accept-Encoding Cache-Control Pragma Priority Referrer X-Requested-With`)

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
		"/reset?token=x":             {"/reset", ""},
		"about:blank?x":              {"about:blank", ""},
		"?x":                         {"", ""},
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
