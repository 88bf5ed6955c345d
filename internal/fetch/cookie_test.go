package fetch

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	neturl "net/url"
	"testing"
)

// TestCookies has a page of a.example get cookies from one URL and ask another one.
func TestCookies(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name              string
		credentials, mode string
		from, cookie, to  string
		want              string
	}{
		{"its own", "include", "no-cors", "https://a.example/", "c=1", "https://a.example/", "c=1"},
		{"its own, same-origin", "same-origin", "cors", "https://a.example/", "c=1", "https://a.example/", "c=1"},
		{"its own, omit", "omit", "no-cors", "https://a.example/", "c=1", "https://a.example/", ""},
		{"strict", "include", "no-cors", "https://a.example/", "c=1; SameSite=Strict", "https://a.example/", "c=1"},
		{"another port's", "include", "no-cors", "https://a.example:8443/", "c=1", "https://a.example/", "c=1"},
		{"of a subdomain", "include", "no-cors", "https://x.a.example/", "c=1; Domain=a.example; SameSite=Strict", "https://y.a.example/", "c=1"},
		{"of the subdomain alone", "include", "no-cors", "https://x.a.example/", "c=1", "https://y.a.example/", ""},
		{"of another origin, same-origin", "same-origin", "no-cors", "https://x.a.example/", "c=1", "https://x.a.example/", ""},
		{"of another site", "include", "no-cors", "https://b.example/", "c=1; SameSite=None; Secure", "https://b.example/", "c=1"},
		{"of another site, not None", "include", "no-cors", "https://b.example/", "c=1; Secure", "https://b.example/", ""},
		{"of another site, Lax", "include", "no-cors", "https://b.example/", "c=1; SameSite=Lax", "https://b.example/", ""},
		{"of another site, None but not Secure", "include", "no-cors", "https://b.example/", "c=1; SameSite=None", "https://b.example/", ""},
		{"its path", "include", "no-cors", "https://a.example/", "c=1; Path=/x", "https://a.example/x/y", "c=1"},
		{"another path", "include", "no-cors", "https://a.example/", "c=1; Path=/x", "https://a.example/y", ""},
		{"taken back", "include", "no-cors", "https://a.example/", "c=1; Max-Age=0", "https://a.example/", ""},
	} {
		page := &Page{URL: "https://a.example/", Jar: NewJar()}
		w.on(c.from, 200, "Set-Cookie: "+c.cookie)
		set := beacon(page, c.from)
		set.Credentials = "include"
		w.must(set)
		w.on(c.to, 204, "Access-Control-Allow-Origin: *")
		q := beacon(page, c.to)
		q.Credentials, q.Mode = c.credentials, c.mode
		w.must(q)
		if got := w.visits()[1].header.Get("Cookie"); got != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}

// A cookie that does not cross sites stays at home when another site's page, or a redirect
// by another site, asks for its server.
func TestSameSite(t *testing.T) {
	w := newWorld(t)
	page := &Page{URL: "https://a.example/", Jar: NewJar()}
	w.mu.Lock()
	w.routes["https://a.example/"] = func(out http.ResponseWriter, r *http.Request) {
		for _, c := range []string{"default=1", "lax=1; SameSite=Lax", "strict=1; SameSite=Strict", "none=1; SameSite=None; Secure"} {
			out.Header().Add("Set-Cookie", c)
		}
	}
	w.mu.Unlock()
	w.must(beacon(page, "https://a.example/"))
	w.on("https://b.example/", 307, "Location: https://a.example/there")
	w.on("https://x.a.example/", 307, "Location: https://a.example/there")
	w.visits()
	for from, want := range map[string]string{
		"https://a.example/there": "default=1; lax=1; none=1; strict=1",
		"https://x.a.example/":    "default=1; lax=1; none=1; strict=1",
		"https://b.example/":      "none=1",
	} {
		w.must(beacon(page, from))
		came := w.visits()
		if got := came[len(came)-1].header.Get("Cookie"); got != want {
			t.Errorf("by %s: %q", from, got)
		}
	}
	// One of the whole domain is remembered for every host of it.
	w.on("https://x.a.example/", 204, "Set-Cookie: domain=1; Domain=a.example")
	w.on("https://b.example/", 307, "Location: https://y.a.example/")
	w.must(beacon(page, "https://x.a.example/"))
	w.must(beacon(page, "https://b.example/"))
	if came := w.visits(); came[2].url != "https://y.a.example/" || came[2].header.Get("Cookie") != "" {
		t.Errorf("by another site: %v", came[2])
	}
	// What a jar has that knows nothing of it crosses sites.
	simple, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	page = &Page{URL: "https://a.example/", Jar: simple}
	page.Jar.SetCookies(&neturl.URL{Scheme: "https", Host: "b.example"}, []*http.Cookie{{Name: "own", Value: "1"}})
	w.on("https://b.example/", 204)
	w.must(beacon(page, "https://b.example/"))
	if got := w.visits()[0].header.Get("Cookie"); got != "own=1" {
		t.Errorf("%q", got)
	}
}

// Cookies come from redirects and from answers that nobody sees, or that are refused.
func TestWhereCookiesComeFrom(t *testing.T) {
	w := newWorld(t)
	const none = "; SameSite=None; Secure"
	page := &Page{URL: "https://a.example/", Jar: NewJar()}
	w.on("https://b.example/", 307, "Location: https://c.example/", "Set-Cookie: redirect=1"+none)
	w.on("https://c.example/", 200, "Set-Cookie: opaque=1"+none)
	w.must(beacon(page, "https://b.example/"))
	w.on("https://d.example/", 200, "Set-Cookie: refused=1"+none, "Set-Cookie: lax=1", "Set-Cookie: insecure=1; SameSite=None")
	q := beacon(page, "https://d.example/")
	q.Mode = "cors"
	if _, err := w.do(q); !isBlocked(err) {
		t.Error(err)
	}
	q.Credentials = "omit"
	w.on("https://e.example/", 200, "Set-Cookie: omitted=1"+none, "Access-Control-Allow-Origin: *")
	q.URL = "https://e.example/"
	w.must(q)
	var got string
	for _, host := range []string{"b", "c", "d", "e"} {
		got += fmt.Sprint(page.Jar.Cookies(&neturl.URL{Scheme: "https", Host: host + ".example", Path: "/"}))
	}
	if got != "[redirect=1][opaque=1][refused=1][]" {
		t.Error(got)
	}
}

func TestAJarKeepsToTheRulesOfCookies(t *testing.T) {
	type set struct{ from, cookie string }
	for name, c := range map[string]struct {
		sets      []set
		same      string // what a request of the site itself has
		crossSite string
		http      string
	}{
		"Lax without a word":              {[]set{{"https://a.example/", "x=1"}}, "x=1", "", "x=1"},
		"None":                            {[]set{{"https://a.example/", "x=1; SameSite=None; Secure"}}, "x=1", "x=1", ""},
		"None needs Secure":               {[]set{{"https://a.example/", "x=1; SameSite=None"}}, "", "", ""},
		"the last one counts":             {[]set{{"https://a.example/", "x=1; SameSite=None; Secure"}, {"https://a.example/", "x=2"}}, "x=2", "", "x=2"},
		"of two paths each is its own":    {[]set{{"https://a.example/", "x=1; SameSite=Strict; Path=/"}, {"https://a.example/", "y=1; SameSite=None; Secure; Path=/zz"}}, "x=1", "", "x=1"},
		"another site says nothing of it": {[]set{{"https://a.example/", "x=1; Secure"}, {"https://evil.test/", "x=2; Domain=a.example; SameSite=None; Secure"}}, "x=1", "", ""},
		"Secure is not for http to set":   {[]set{{"http://a.example/", "x=1; Secure"}}, "", "", ""},
		"nor to replace":                  {[]set{{"https://a.example/", "x=1; Secure"}, {"http://a.example/", "x=2"}}, "x=1", "", ""},
		"__Secure- without Secure":        {[]set{{"https://a.example/", "__Secure-x=1"}}, "", "", ""},
		"__Host- with a domain":           {[]set{{"https://a.example/", "__Host-x=1; Secure; Path=/; Domain=a.example"}}, "", "", ""},
		"__Host-":                         {[]set{{"https://a.example/", "__Host-x=1; Secure; Path=/"}}, "__Host-x=1", "", ""},
		"deleted":                         {[]set{{"https://a.example/", "x=1; SameSite=None; Secure"}, {"https://a.example/", "x=; Max-Age=0"}}, "", "", ""},
	} {
		jar := NewJar()
		for _, s := range c.sets {
			u, _ := neturl.Parse(s.from)
			jar.SetCookies(u, (&http.Response{Header: http.Header{"Set-Cookie": {s.cookie}}}).Cookies())
		}
		text := func(scheme string, crossSite bool) (all string) {
			for _, c := range jar.cookies(&neturl.URL{Scheme: scheme, Host: "a.example", Path: "/"}, crossSite) {
				all += c.String()
			}
			return all
		}
		if same, cross, plain := text("https", false), text("https", true), text("http", false); same != c.same || cross != c.crossSite || plain != c.http {
			t.Errorf("%s: %q, %q from another site, %q over http", name, same, cross, plain)
		}
	}
}
