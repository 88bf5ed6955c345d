//go:build unix

package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRoutes_EachPageAndAdminEndpoint_HasTheHeaders(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0")
	for _, path := range []string{"/", "/-/live", "/-/login", "/-/bye", "/-/web/live.js", "/-/query", "/-/table/status", "/-/table/none", "/-/export", "/-/export?format=csv", "/-/import", "/-/healthz", "/-/readyz", "/-/metrics", "/-/none"} {
		for _, token := range []string{"", "Bearer " + s.p.token()} {
			req, err := http.NewRequest("GET", s.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				req.Header.Set("Authorization", token)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			h := res.Header
			if !strings.HasSuffix(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" ||
				h.Get("Referrer-Policy") == "" || !strings.HasPrefix(h.Get("Cache-Control"), "no-") || h.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("GET %s: %s %v", path, res.Status, h)
			}
		}
	}
}

// TestRoutes_LoginOverTLS_TheCookieIsSecure logs in with each version of HTTP that the collector speaks.
func TestRoutes_LoginOverTLS_TheCookieIsSecure(t *testing.T) {
	a := newAuthority(t, time.Now().Add(time.Hour))
	s := newPlace(t).serve("127.0.0.1:0", "--tls-cert", a.cert, "--tls-key", a.key)
	for major, speak := range map[int]func(*http.Protocols, bool){1: (*http.Protocols).SetHTTP1, 2: (*http.Protocols).SetHTTP2} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)}}
		speak(client.Transport.(*http.Transport).Protocols, true)
		req, _ := http.NewRequest("POST", s.URL+"/-/login", strings.NewReader(s.p.token()))
		req.Header.Set("Origin", s.URL)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		cookies := res.Cookies()
		if res.StatusCode != http.StatusNoContent || res.ProtoMajor != major || len(cookies) != 1 || cookies[0].Name != "__Host-beacon-operator" || !cookies[0].Secure || !cookies[0].HttpOnly {
			t.Fatalf("HTTP/%d: %s %s %v", major, res.Proto, res.Status, cookies)
		}
		for origin, want := range map[string]int{s.URL: 200, strings.Replace(s.URL, "https", "http", 1): 403, "null": 403} {
			req, _ := http.NewRequest("POST", s.URL+"/-/query", strings.NewReader("select count(*) from beacons"))
			req.Header.Set("Origin", origin)
			req.AddCookie(cookies[0])
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("HTTP/%d: a query of a page of %s: %s, want %d", major, origin, res.Status, want)
			}
		}
		client.CloseIdleConnections()
	}
	if got := s.metric(`beacon_operator_requests_total{kind="query"}`); got != 2 {
		t.Errorf("%v queries are counted, want 2", got)
	}
}
