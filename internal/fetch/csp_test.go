package fetch

import (
	"testing"

	"github.com/nlnwa/whatwg-url/url"
)

// TestContentSecurityPolicy is CSP, "URL Matching", of a page of http://self.example, or of
// the one that stands before the policy.
func TestContentSecurityPolicy(t *testing.T) {
	const self = "http://self.example/p"
	for _, c := range []struct {
		page, csp, to string
		want          bool
	}{
		{self, "", "http://b.example/", true},
		{self, "script-src 'none'", "http://b.example/", true},
		{self, "connect-src", "http://b.example/", false},
		{self, "connect-src 'none'", "http://self.example/", false},
		{self, "connect-src 'NONE'", "http://self.example/", false},
		{self, "connect-src 'none' http://b.example", "http://b.example/", true},
		{self, "default-src 'none'", "http://b.example/", false},
		{self, "default-src 'none'; connect-src *", "http://b.example/", true},
		{self, "connect-src 'none'; default-src *", "http://b.example/", false},
		{self, "connect-src *; connect-src 'none'", "http://b.example/", true}, // the first one counts
		{self, "CONNECT-SRC 'none'", "http://b.example/", false},
		{self, " ;; \t connect-src\t'none' ;", "http://b.example/", false},
		{self, "connect-src é; default-src 'none'", "http://b.example/", false}, // not ASCII, and so not there
		{self, "connect-src *, connect-src 'none'", "http://b.example/", false}, // all policies count
		{self, "connect-src *, script-src 'none'", "http://b.example/", true},

		{self, "connect-src *", "https://b.example:8080/x", true},
		{self, "connect-src *", "http://10.0.0.1/", true},
		{self, "connect-src http:", "http://b.example/", true},
		{self, "connect-src http:", "https://b.example/", true}, // an upgrade
		{self, "connect-src https:", "http://b.example/", false},
		{self, "connect-src HTTPS:", "https://b.example/", true},
		{self, "connect-src ws:", "http://b.example/", true},
		{self, "connect-src wss:", "http://b.example/", false},
		{self, "connect-src wss:", "https://b.example/", true},
		{self, "connect-src data:", "https://b.example/", false},

		{self, "connect-src 'self'", "http://self.example/x", true},
		{self, "connect-src 'SELF'", "http://self.example/x", true},
		{self, "connect-src 'self'", "https://self.example/x", true}, // an upgrade
		{self, "connect-src 'self'", "http://self.example:8080/x", false},
		{self, "connect-src 'self'", "https://self.example:8080/x", false},
		{self, "connect-src 'self'", "http://x.self.example/", false},
		{"https://self.example/", "connect-src 'self'", "http://self.example/", false},
		{"http://self.example:8080/", "connect-src 'self'", "https://self.example:8080/", true},
		{"http://127.0.0.1/", "connect-src 'self'", "http://127.0.0.1/x", true},
		{"about:blank", "connect-src 'self'", "http://self.example/", false},

		{self, "connect-src b.example", "http://b.example/", true},
		{self, "connect-src b.example", "https://b.example/", true},
		{"https://self.example/", "connect-src b.example", "http://b.example/", false},
		{self, "connect-src B.Example", "http://b.example/", true},
		{self, "connect-src b.example", "http://x.b.example/", false},
		{self, "connect-src *.b.example", "http://x.b.example/", true},
		{self, "connect-src *.B.example", "http://x.y.b.example/", true},
		{self, "connect-src *.b.example", "http://b.example/", false},
		{self, "connect-src *.b.example", "http://xb.example/", false},
		{self, "connect-src *b.example", "http://xb.example/", false}, // no source
		{self, "connect-src b.example.", "http://b.example./", true},
		{self, "connect-src http://b.example", "https://b.example/", true},
		{self, "connect-src https://b.example", "http://b.example/", false},
		{self, "connect-src http://*", "http://b.example/", true},
		{self, "connect-src http://*", "http://10.0.0.1/", false}, // no domain
		{self, "connect-src http://127.0.0.1", "http://127.0.0.1/", true},
		{self, "connect-src http://10.0.0.1", "http://10.0.0.1/", false},
		{self, "connect-src http://[::1]", "http://[::1]/", false},
		{self, "connect-src b..example", "http://b..example/", false},

		{self, "connect-src b.example", "http://b.example:8080/", false},
		{self, "connect-src b.example:8080", "http://b.example:8080/", true},
		{self, "connect-src b.example:08080", "http://b.example:8080/", true},
		{self, "connect-src b.example:*", "http://b.example:8080/", true},
		{self, "connect-src b.example:80", "http://b.example/", true},
		{self, "connect-src b.example:443", "https://b.example/", true},
		{self, "connect-src b.example:443", "http://b.example/", false},
		{self, "connect-src b.example:x", "http://b.example/", false},
		{self, "connect-src b.example:", "http://b.example/", false}, // a scheme
		{self, "connect-src *:8080", "http://b.example:8080/", true},

		{self, "connect-src b.example/", "http://b.example/x", true},
		{self, "connect-src b.example/x", "http://b.example/x?y", true},
		{self, "connect-src b.example/x", "http://b.example/x/", false},
		{self, "connect-src b.example/x", "http://b.example/xy", false},
		{self, "connect-src b.example/x/", "http://b.example/x/y/z", true},
		{self, "connect-src b.example/x/", "http://b.example/x", false},
		{self, "connect-src b.example/x/y", "http://b.example/x", false},
		{self, "connect-src b.example/%78", "http://b.example/x", true},
		{self, "connect-src b.example/x", "http://b.example/%78", true},
		{self, "connect-src b.example/a%2Fb", "http://b.example/a/b", false},
		{self, "connect-src b.example/X", "http://b.example/x", false},
		{self, "connect-src b.example/x?y", "http://b.example/x?y", false}, // no source
		{self, "connect-src b.example//x", "http://b.example//x", false},   // no source
		{self, "connect-src b.example/%zz", "http://b.example/%zz", false}, // no source

		{self, "connect-src 'unsafe-inline' 'nonce-abc' 'sha256-abc='", "http://b.example/", false},
		{self, "connect-src http//b.example", "http://b.example/", false},
	} {
		u, err := url.Parse(c.to)
		if err != nil {
			// A row may have what the parser takes for no URL, so that nothing matches it.
			continue
		}
		p := Page{URL: c.page, CSP: []string{c.csp}}
		got := true
		for _, policy := range p.parsed().policies {
			got = got && (!policy.connects || policy.matches(u, p.parsed().selfOrigin, 0))
		}
		if got != c.want {
			t.Errorf("%q from %s to %s: %v", c.csp, c.page, c.to, got)
		}
	}
}

// TestSelf is CSP, "self-origin".
func TestSelf(t *testing.T) {
	u, _ := url.Parse("https://a.example/")
	for _, c := range []struct {
		name string
		page *Page
		want bool
	}{
		{"a sandboxed page's is its server", &Page{URL: "https://a.example/", Origin: "null"}, true},
		{"what a page without a server inherited", &Page{URL: "about:srcdoc", Origin: "https://a.example"}, true},
		{"a blob's is who made it", &Page{URL: "blob:https://a.example/1"}, true},
		{"none", &Page{URL: "data:,x"}, false},
		{"not the parent's", &Page{URL: "https://b.example/", Origin: "https://a.example"}, false},
	} {
		s := c.page.parsed()
		if got := matchesSource(u, "'self'", s.selfOrigin, 0); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A redirect is checked again, by its host alone.
func TestCSPOnRedirects(t *testing.T) {
	w := newWorld(t)
	page := &Page{URL: "http://a.example/", CSP: []string{"connect-src http://b.example/from http://c.example/only"}}
	for to, want := range map[string]bool{"http://c.example/else": true, "http://b.example/else": true, "http://d.example/only": false} {
		w.on("http://b.example/from", 307, "Location: "+to)
		_, err := w.do(beacon(page, "http://b.example/from"))
		came := w.visits()
		if want != (err == nil && len(came) == 2) || want == isBlocked(err) {
			t.Errorf("%s: %v %v", to, err, came)
		}
	}
}
