package weburl

import (
	"testing"

	"github.com/nlnwa/whatwg-url/url"
)

func mustParse(t *testing.T, s string) *url.Url {
	t.Helper()
	u, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestOriginsAreSerialised(t *testing.T) {
	for s, want := range map[string]string{
		"HTTPS://u:p@A.Example:443/p?q#f": "https://a.example",
		"http://a.example:443/":           "http://a.example:443",
		"http://[::1]:80/":                "http://[::1]",
		"wss://a.example:1/":              "wss://a.example:1",
		"ftp://a.example/":                "ftp://a.example",
		"blob:https://a.example:8/uuid":   "https://a.example:8",
		"blob:ftp://a.example/uuid":       "null",
		"blob:uuid":                       "null",
		"file:///etc":                     "null",
		"about:blank":                     "null",
		"data:,x":                         "null",
	} {
		if got := OriginOf(mustParse(t, s)).String(); got != want {
			t.Errorf("%s: %s, not %s", s, got, want)
		}
	}
}

func TestWhatIsOfOneOriginAndOfOneSite(t *testing.T) {
	for _, c := range []struct {
		a, b                     string
		origin, site, schemeless bool
	}{
		{"https://a.example/x", "https://a.example:443/y", true, true, true},
		{"https://a.example/", "https://a.example:8443/", false, true, true},
		{"https://a.b.example/", "https://c.b.example/", false, true, true},
		{"https://a.example/", "http://a.example/", false, false, true},
		{"https://a.co.uk/", "https://b.co.uk/", false, false, false},
		{"https://a.b.example./", "https://b.example/", false, false, false},
		{"http://127.0.0.1/", "http://127.0.0.1:81/", false, true, true},
		{"http://10.0.0.1/", "http://11.0.0.1/", false, false, false},
		{"about:blank", "about:blank", false, false, false},
	} {
		a, b := OriginOf(mustParse(t, c.a)), OriginOf(mustParse(t, c.b))
		if got := SameOrigin(c.a, c.b); got != c.origin || a.Same(b) != got {
			t.Errorf("%s and %s are of one origin: %v", c.a, c.b, got)
		}
		if a.SameSite(b) != c.site || b.SameSite(a) != c.site || a.SchemelesslySameSite(b) != c.schemeless {
			t.Errorf("%s and %s are of one site: %v, schemelessly %v", c.a, c.b, a.SameSite(b), a.SchemelesslySameSite(b))
		}
	}
	if SameOrigin("x", "x") {
		t.Error("what is no URL has an origin")
	}
}

func TestWhatIsTrustworthy(t *testing.T) {
	for s, want := range map[string]bool{
		"https://a.example/":         true,
		"wss://a.example/":           true,
		"blob:https://a.example/x":   true,
		"file:///x":                  true,
		"http://localhost:8080/":     true,
		"http://localhost./":         true,
		"http://a.localhost/":        true,
		"http://127.8.9.10/":         true,
		"http://[::1]/":              true,
		"ws://127.0.0.1/":            true,
		"http://a.example/":          false,
		"http://notlocalhost/":       false,
		"http://localhost.example/":  false,
		"http://128.0.0.1/":          false,
		"http://[::ffff:127.0.0.1]/": false, // neither 127.0.0.0/8 nor ::1/128
		"blob:http://a.example/x":    false,
		"about:blank":                false,
		"data:,x":                    false,
	} {
		if got := Trustworthy(mustParse(t, s)); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
}
