//go:build unix

package browsertest

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// TestFirefox has all tests of one browser, because its start takes seconds.
func TestFirefox(t *testing.T) {
	f := StartFirefox(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!doctype html><title>%s</title>", r.URL.Path)
	}))
	defer site.Close()

	t.Run("Evaluate_EachType_ReturnsTheValue", func(t *testing.T) {
		tab := f.Open(t, site.URL+"/page")
		for _, tt := range []struct {
			js   string
			want any
		}{
			{"document.title", "/page"},
			{"1 + 1", 2.0},
			{"-Infinity", math.Inf(-1)},
			{"2 > 1", true},
			{"undefined", nil},
			{"null", nil},
			{"let a = 3; a * 2", 6.0},
			{"[1, 'two', [3], {}]", []any{1.0, "two", []any{3.0}, map[string]any{}}},
			{"({ a: { b: false }, c: undefined })", map[string]any{"a": map[string]any{"b": false}, "c": nil}},
			{"new Promise(done => setTimeout(done, 20, 'later'))", "later"},
			{"'x'.repeat(1e6)", strings.Repeat("x", 1e6)},
		} {
			if got, err := tab.Evaluate(tt.js); err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: got %.80v, %v, want %.80v", tt.js, got, err, tt.want)
			}
		}
	})

	t.Run("Evaluate_NoValue_ReturnsError", func(t *testing.T) {
		tab := f.Open(t, "about:blank")
		for js, want := range map[string]string{
			"throw new TypeError('reason')":                "TypeError: reason",
			"Promise.reject(new RangeError('too little'))": "RangeError: too little",
			"][":                   "SyntaxError",
			"document":             "of the type node",
			"({ f: () => {} })":    "of the type function",
			"[Symbol('a symbol')]": "of the type symbol",
		} {
			if got, err := tab.Evaluate(js); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, %v, want an error with %q", js, got, err, want)
			}
		}
	})

	t.Run("Navigate_TwoTabs_ChangesOne", func(t *testing.T) {
		first, second := f.Open(t, site.URL+"/first"), f.Open(t, site.URL+"/second")
		first.Navigate(site.URL + "/third")
		for tab, want := range map[*Tab]string{first: "/third", second: "/second"} {
			if got, err := tab.Evaluate("document.title"); err != nil || got != want {
				t.Errorf("got %v, %v, want %s", got, err, want)
			}
		}
	})

	t.Run("Open_AnyHostName_IsThisMachine", func(t *testing.T) {
		port := site.URL[strings.LastIndex(site.URL, ":"):]
		for _, host := range []string{"a.site.test", "www.example.com", "evil.localhost"} {
			tab := f.Open(t, "http://"+host+port+"/page")
			if got, err := tab.Evaluate("document.title + ' of ' + location.hostname"); err != nil || got != "/page of "+host {
				t.Errorf("%s: got %v, %v", host, got, err)
			}
		}
	})

	t.Run("Close_OneOfTwoTabs_OtherGoesOn", func(t *testing.T) {
		first, second := f.Open(t, site.URL+"/first"), f.Open(t, site.URL+"/second")
		first.Close()
		if got, err := first.Evaluate("document.title"); err == nil {
			t.Errorf("the closed tab answers %v, want an error", got)
		}
		if got, err := second.Evaluate("document.title"); err != nil || got != "/second" {
			t.Errorf("got %v, %v, want /second", got, err)
		}
	})

	t.Run("Evaluate_FirefoxIsClosed_ReturnsError", func(t *testing.T) { // the last of the tests
		tab := f.Open(t, site.URL+"/page")
		f.close()
		if got, err := tab.Evaluate("1"); err == nil {
			t.Errorf("got %v, want an error", got)
		}
	})
}
