package fetch

import (
	"bufio"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// FuzzCSP: policies only take away, and a redirect only forgets paths.
func FuzzCSP(f *testing.F) {
	f.Add("connect-src 'self' https://*.b.example:*/x/", "http://a.example/", "https://x.b.example/x/y")
	f.Add("default-src http:; upgrade-insecure-requests, connect-src b.example/%41", "about:blank", "http://127.0.0.1:8080/%zz")
	f.Fuzz(func(t *testing.T, csp, page, to string) {
		u, err := url.Parse(to)
		if err != nil || !weburl.IsHTTP(u) {
			return
		}
		allows := func(csp string, redirects int) bool {
			s := (&Page{URL: page, CSP: []string{csp}}).parsed()
			for _, policy := range s.policies {
				if policy.connects && !policy.matches(u, s.selfOrigin, redirects) {
					return false
				}
			}
			return true
		}
		allowed := allows(csp, 0)
		if allowed && !allows(csp, 1) {
			t.Error("a redirect is allowed less")
		}
		if allows(csp+",connect-src 'none'", 0) {
			t.Error("'none' allows")
		}
		if allows(csp+",connect-src *", 0) != allowed {
			t.Error("another policy changes the answer")
		}
		if !allows("connect-src *;"+csp, 0) && !strings.Contains(csp, ",") {
			t.Error("a directive that comes later counts")
		}
	})
}

// FuzzReferrerPolicy: a referrer is of the page's origin, without secrets, and tells no more
// than the policy lets it.
func FuzzReferrerPolicy(f *testing.F) {
	f.Add("origin, no-referrer", "https://u:p@a.example/p?q#f", "http://b.example/", "")
	f.Add("\tUNSAFE-URL ,x", "http://127.0.0.1:1/", "https://b.example/", "null")
	f.Fuzz(func(t *testing.T, header, page, to, origin string) {
		u, err := url.Parse(to)
		if err != nil || !weburl.IsHTTP(u) {
			return
		}
		policy := referrerPolicyOf(http.Header{"Referrer-Policy": {header}})
		if !fetchrules.IsReferrerPolicy(policy) {
			t.Fatalf("%q is no policy", policy)
		}
		fetching, err := newFetching(nil, Request{Page: &Page{URL: page, Origin: origin, ReferrerPolicy: policy}, URL: to, Method: "POST"})
		if err != nil {
			t.Fatal(err)
		}
		fetching.tainting = "opaque"
		if policy == "no-referrer" && fetching.originHeader() != "null" {
			t.Error("the origin leaks")
		}
		referrer := determineReferrer(fetching.policy, fetching.referrer, u)
		if referrer == "" {
			return
		}
		r, err := url.Parse(referrer)
		if err != nil {
			t.Fatalf("%q: %v", referrer, err)
		}
		own := fetching.settings.url
		if r.Hash() != "" || r.Username() != "" || r.Password() != "" || weburl.OriginOf(r) != weburl.OriginOf(own) || fetching.origin.Opaque() {
			t.Errorf("%q of %q", referrer, page)
		}
		if onlyOrigin := weburl.OriginOf(r).String() + "/"; referrer != onlyOrigin {
			tells := policy == "unsafe-url" || policy == "no-referrer-when-downgrade" || weburl.OriginOf(r).Same(weburl.OriginOf(u))
			if !tells || len(referrer) > maxReferrer || policy == "origin" || policy == "strict-origin" {
				t.Errorf("%s tells %q to %s", policy, referrer, to)
			}
		}
		if policy == "no-referrer" || policy == "same-origin" && !weburl.OriginOf(r).Same(weburl.OriginOf(u)) || strings.HasPrefix(policy, "strict") && weburl.Trustworthy(own) && !weburl.Trustworthy(u) && !weburl.OriginOf(r).Same(weburl.OriginOf(u)) {
			t.Errorf("%s tells %q to %s", policy, referrer, to)
		}
	})
}

// FuzzAnswer gives a page's request an answer: it is shown only where CORS lets it be, and a
// redirect goes only where requests may.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\nSet-Cookie: a=b\r\n", "cors", "omit", "https://b.example/")
	f.Add(307, "Location: https://u:p@c.example/\r\nAccess-Control-Allow-Origin: https://a.example\r\nReferrer-Policy: origin\r\n", "cors", "include", "https://b.example/")
	f.Add(303, "Location: //a.example\r\nCross-Origin-Resource-Policy: same-site\r\n", "no-cors", "include", "https://a.example/")
	f.Fuzz(func(t *testing.T, status int, header, mode, credentials, to string) {
		h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(header + "\r\n"))).ReadMIMEHeader()
		if err != nil {
			return
		}
		f, err := newFetching(nil, Request{
			Page: &Page{URL: "https://a.example/", Jar: NewJar()}, URL: to, Method: "POST", Mode: mode, Credentials: credentials,
			Header: http.Header{"Authorization": {"secret"}}, Initiator: "ping", Agent: http.Header{"X-Key": {"secret"}},
		})
		if err != nil || f.mayGo() != nil || f.taint() != nil {
			return
		}
		res := &http.Response{StatusCode: status, Header: http.Header(h), ProtoMajor: 1, Body: io.NopCloser(strings.NewReader("body"))}
		own, from := f.origin.String(), f.url()
		if f.includesCredentials() {
			f.storeCookies(res)
		}
		again, err := f.judge(res)
		if err != nil {
			if !isBlocked(err) || strings.Contains(err.Error(), "secret") || again {
				t.Error(err)
			}
			return
		}
		if allowed := h.Get("Access-Control-Allow-Origin"); f.tainting == "cors" && allowed != own && (allowed != "*" || credentials == "include") {
			t.Errorf("%s allows %q", to, allowed)
		}
		if again {
			if next := f.url(); !weburl.IsHTTP(next) || len(f.urls) != 2 || f.tainting == "cors" && next.Username()+next.Password() != "" {
				t.Errorf("redirected to %s", next.Href(false))
			}
			if secret := f.Header.Get("Authorization") + f.Agent.Get("X-Key"); secret != "" && !weburl.OriginOf(from).Same(weburl.OriginOf(f.url())) {
				t.Error("another origin gets to know a secret")
			}
			if f.tainting == "cors" && !weburl.OriginOf(from).Same(weburl.OriginOf(f.url())) && !f.origin.Same(weburl.OriginOf(from)) && f.serializedOrigin() != "null" {
				t.Error("the origin is told along a redirect")
			}
			return
		}
		r, err := f.filtered(res)
		if err != nil {
			t.Fatal(err)
		}
		if r.Header["Set-Cookie"] != nil || r.Header["Set-Cookie2"] != nil || (r.Type == "opaque" || r.Type == "opaqueredirect") && (r.Header != nil || r.Body != nil) {
			t.Errorf("%+v", r)
		}
	})
}
