//go:build unix

package browsertest

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// site serves pages whose title is their path. Each has a link to /clicked.
func site(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>%s</title><a href="/clicked">go on</a>
			<script>if (location.search === '?hide') %s</script>
			<script>document.querySelector('a').onclick = event => sessionStorage.trusted = event.isTrusted</script>`, r.URL.Path, HideAutomation)
	}))
	t.Cleanup(s.Close)
	return s
}

// await evaluates JavaScript until it is want.
func await(t *testing.T, tab Tab, js string, want any) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got, err := tab.Evaluate(js)
		if err == nil && reflect.DeepEqual(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: got %v, %v, want %v", js, got, err, want)
		}
	}
}

// TestBrowser has the tests of a browser that goes on, in one browser for each engine.
func TestBrowser(t *testing.T) {
	for _, engine := range Engines() {
		t.Run(engine, func(t *testing.T) {
			b := Start(t, engine)
			testBrowser(t, b, site(t))
		})
	}
}

func testBrowser(t *testing.T, b Browser, site *httptest.Server) {
	if b.Version() == "" || strings.Trim(b.Version(), "0123456789. ") == b.Version() {
		t.Errorf("version %q, want a name and a number", b.Version())
	}

	t.Run("Evaluate_EachType_ReturnsTheValue", func(t *testing.T) {
		tab := b.Open(t, site.URL+"/page")
		defer tab.Close()
		for _, tt := range []struct {
			js   string
			want any
		}{
			{"document.title", "/page"},
			{"1 + 1", 2.0},
			{"2 > 1", true},
			{"undefined", nil},
			{"null", nil},
			{"let a = 3; a * 2", 6.0},
			{"[1, 'two', [3], {}]", []any{1.0, "two", []any{3.0}, map[string]any{}}},
			{"({ a: { b: false }, c: null })", map[string]any{"a": map[string]any{"b": false}, "c": nil}},
			{"new Promise(done => setTimeout(done, 20, 'later'))", "later"},
			{"'x'.repeat(1e6)", strings.Repeat("x", 1e6)},
		} {
			if got, err := tab.Evaluate(tt.js); err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: got %.80v, %v, want %.80v", tt.js, got, err, tt.want)
			}
		}
		if b.Engine() != Chromium { // chromedp refuses numbers without JSON
			if got, err := tab.Evaluate("-Infinity"); err != nil || got != math.Inf(-1) {
				t.Errorf("-Infinity: got %v, %v", got, err)
			}
		}
	})

	t.Run("Evaluate_Exception_ReturnsError", func(t *testing.T) {
		tab := b.Open(t, "about:blank")
		defer tab.Close()
		for js, want := range map[string]string{
			"throw new TypeError('reason')":                "reason",
			"Promise.reject(new RangeError('too little'))": "too little",
		} {
			if got, err := tab.Evaluate(js); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, %v, want an error with %q", js, got, err, want)
			}
		}
	})

	t.Run("Evaluate_ValueWithoutJSON_ReturnsError", func(t *testing.T) {
		if b.Engine() == Chromium {
			t.Skip("chromedp makes JSON of any value")
		}
		tab := b.Open(t, "about:blank")
		defer tab.Close()
		for _, js := range []string{"document", "({ f: () => {} })", "[Symbol('a symbol')]"} {
			if got, err := tab.Evaluate(js); err == nil || !strings.Contains(err.Error(), "of the type") {
				t.Errorf("%s: got %v, %v, want an error with the type", js, got, err)
			}
		}
	})

	t.Run("Navigate_TwoTabs_ChangesOne", func(t *testing.T) {
		first, second := b.Open(t, site.URL+"/first"), b.Open(t, site.URL+"/second")
		defer first.Close()
		defer second.Close()
		first.Navigate(site.URL + "/third")
		for tab, want := range map[Tab]string{first: "/third", second: "/second"} {
			if got, err := tab.Evaluate("document.title"); err != nil || got != want {
				t.Errorf("got %v, %v, want %s", got, err, want)
			}
		}
	})

	t.Run("Open_AnyHostName_IsThisMachine", func(t *testing.T) {
		if b.Engine() == WebKit {
			t.Skip("WebKit uses the system's resolver")
		}
		port := site.URL[strings.LastIndex(site.URL, ":"):]
		for _, host := range []string{"a.site.test", "www.example.com", "evil.localhost"} {
			tab := b.Open(t, "http://"+host+port+"/page")
			if got, err := tab.Evaluate("document.title + ' of ' + location.hostname"); err != nil || got != "/page of "+host {
				t.Errorf("%s: got %v, %v", host, got, err)
			}
			tab.Close()
		}
	})

	t.Run("Start_HideAutomation_WebdriverIsFalse", func(t *testing.T) {
		tab := b.Open(t, site.URL+"/page?hide")
		defer tab.Close()
		await(t, tab, "navigator.webdriver", false)
	})

	t.Run("Click_Link_IsTrusted", func(t *testing.T) {
		tab := b.Open(t, site.URL+"/page")
		defer tab.Close()
		tab.Click("a")
		await(t, tab, "document.title + ' ' + sessionStorage.trusted", "/clicked true")
	})

	t.Run("OpenWindow_TwoWindows_BothVisible", func(t *testing.T) {
		first, second := b.OpenWindow(t, site.URL+"/first"), b.OpenWindow(t, site.URL+"/second")
		defer first.Close()
		defer second.Close()
		await(t, second, "document.visibilityState", "visible")
		await(t, first, "document.visibilityState", "visible")
	})

	t.Run("Close_OneOfTwoTabs_OtherGoesOn", func(t *testing.T) {
		first, second := b.Open(t, site.URL+"/first"), b.Open(t, site.URL+"/second")
		defer second.Close()
		first.Close()
		if got, err := first.Evaluate("document.title"); err == nil {
			t.Errorf("the closed tab answers %v, want an error", got)
		}
		if got, err := second.Evaluate("document.title"); err != nil || got != "/second" {
			t.Errorf("got %v, %v, want /second", got, err)
		}
	})

	t.Run("Quit_EvaluateThen_ReturnsError", func(t *testing.T) { // the last of the tests
		tab := b.Open(t, site.URL+"/page")
		b.Quit(t)
		if got, err := tab.Evaluate("1"); err == nil {
			t.Errorf("got %v, want an error", got)
		}
	})
}

func TestCrash_APage_TheBrowserStays(t *testing.T) {
	for _, engine := range Engines() {
		t.Run(engine, func(t *testing.T) {
			b := Start(t, engine)
			b.OpenWindow(t, site(t).URL+"/page")
			b.Crash(t)
			b.Signal(t, syscall.SIGTERM)
		})
	}
}

func TestSignal_BrowserWithAPage_Ends(t *testing.T) {
	for _, engine := range Engines() {
		for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			t.Run(engine+"_"+s.String(), func(t *testing.T) {
				b := Start(t, engine)
				b.Open(t, site(t).URL+"/page")
				b.Signal(t, s)
			})
		}
	}
}
