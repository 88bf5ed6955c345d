//go:build linux

package wasm_test

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

const page = `<!DOCTYPE html><title>Go</title><script src="wasm_exec.js"></script><script>
window.unhandled = [];
addEventListener("unhandledrejection", e => unhandled.push(String(e.reason)));
const go = new Go();
WebAssembly.instantiateStreaming(fetch("main.wasm"), go.importObject).then(async ({instance}) => {
	await go.run(instance);
	window.exited = true;
});
</script>`

// TestWasm runs program/main.go in Chromium. The collector has another origin than the page.
func TestWasm(t *testing.T) {
	chromium := browsertest.FindChromium()
	proctest.Needs(t, "Chromium", chromium != "")
	pages := servePages(t)

	// The user of this profile has Do Not Track on.
	profile := t.TempDir()
	if err := os.Mkdir(filepath.Join(profile, "Default"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte(`{"enable_do_not_track": true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	browser := browsertest.StartChromium(t, chromium, 3*time.Minute, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-features", "BackForwardCache")) // a page that is left ends
	open := func(t *testing.T) *wasmPage { return openPage(t, browser, pages) }

	t.Run("Send_EachBodyType_ArrivesByteEqual", func(t *testing.T) {
		c, p := newCollector(t), open(t)
		for kind, want := range map[string]struct{ body, contentType, initiator string }{
			"nothing":    {"", "", "beacon"},
			"text":       {"\uFEFFhéllo \uFFFD\n", "text/plain;charset=UTF-8", "beacon"},
			"bytes":      {"\x00\x01\xff", "", "beacon"},
			"numbers":    {"\x01\x00\xfe\xff", "", "beacon"},
			"blob":       {"a,b", "text/csv;header=absent", "beacon"},
			"json":       {`{"a":1}`, "application/json", "beacon"},
			"values":     {"a=1&a=&b=%C3%A9+*%7E", "application/x-www-form-urlencoded;charset=UTF-8", "beacon"},
			"urlencoded": {"b=%7e&a", "application/x-www-form-urlencoded;charset=UTF-8", "fetch"},
			"64 KiB":     {strings.Repeat("\x00", 64<<10), "", "beacon"},
		} {
			url := c.URL + "/" + strings.ReplaceAll(kind, " ", "")
			p.want(`send("plain", "`+url+`", "`+kind+`")`, "nil")
			got := c.wait(url)
			if got.method != "POST" || got.body != want.body || got.header.Get("Content-Type") != want.contentType {
				t.Errorf("%s: got %s %.99q with the Content-Type %q, want POST %.99q with %q", kind,
					got.method, got.body, got.header.Get("Content-Type"), want.body, want.contentType)
			}
			p.wantInitiator(url, want.initiator)
		}
	})

	t.Run("Send_FormData_ArrivesWithItsBoundary", func(t *testing.T) {
		c, p := newCollector(t), open(t)
		p.want(`send("plain", "`+c.URL+`/form", "form")`, "nil")
		got := c.wait(c.URL + "/form")
		kind, params, err := mime.ParseMediaType(got.header.Get("Content-Type"))
		if err != nil || kind != "multipart/form-data" {
			t.Fatalf("got the Content-Type %q, %v; want multipart/form-data", got.header.Get("Content-Type"), err)
		}
		form, err := multipart.NewReader(strings.NewReader(got.body), params["boundary"]).ReadForm(1 << 20)
		if err != nil || form.Value["a"][0] != "1" || form.File["f"][0].Size != 2 {
			t.Errorf("got %+v, %v; want a=1 and a file f of 2 bytes", form, err)
		}
		p.wantInitiator(c.URL+"/form", "beacon")
	})

	t.Run("Send_Header_LeavesByFetch", func(t *testing.T) {
		c, p := newCollector(t), open(t)
		p.want(`send("header", "`+c.URL+`/header", "json")`, "nil")
		p.want(`flush("header")`, "nil")
		got := c.wait(c.URL + "/header")
		if key := got.header.Get("X-Write-Key"); key != "a, ké" || got.body != `{"a":1}` || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("got %q with %v, want X-Write-Key: a, ké", got.body, got.header)
		}
		p.wantInitiator(c.URL+"/header", "fetch")
	})

	t.Run("Send_RelativeURL_GoesToThePagesOrigin", func(t *testing.T) {
		p := open(t)
		for _, sender := range []string{"plain", "header"} {
			p.want(`send("`+sender+`", "/favicon.ico?`+sender+`", "text")`, "nil")
			p.wantInitiator(pages+"/favicon.ico?"+sender, map[string]string{"plain": "beacon", "header": "fetch"}[sender])
		}
	})

	t.Run("Send_WrongURL_ReturnsTypeError", func(t *testing.T) {
		p := open(t)
		for _, sender := range []string{"plain", "header"} {
			for _, url := range []string{"data:,x", "mailto:a@b", "http://[::1", "http://"} {
				p.wantPrefix(`send("`+sender+`", "`+url+`", "text")`, "TypeError: beacon: ")
			}
		}
	})

	t.Run("Send_QuotaExhausted_ReturnsErrFull", func(t *testing.T) {
		for _, sender := range []string{"plain", "header"} {
			c, p := newCollector(t), open(t)
			release := c.hold("POST /held")
			p.want(`send("`+sender+`", "`+c.URL+`/held", "40 KiB")`, "nil")
			p.wantPrefix(`send("`+sender+`", "`+c.URL+`/full", "40 KiB")`, "ErrFull: beacon: send: ")
			release()
			if c.wait(c.URL + "/held"); sender == "header" {
				p.want(`flush("header")`, "nil")
			}
			proctest.Eventually(t, func() error {
				if got := p.evaluate(`send("` + sender + `", "` + c.URL + `/next", "40 KiB")`); got != "nil" {
					return fmt.Errorf("%s: after the first has arrived got %s, want nil", sender, got)
				}
				return nil
			})
			c.wait(c.URL + "/next")
		}
	})

	t.Run("Send_BodyOver64KiB_ReturnsErrTooLarge", func(t *testing.T) {
		p := open(t)
		for _, sender := range []string{"plain", "header"} {
			p.wantPrefix(`send("`+sender+`", "/", "65 KiB")`, "ErrTooLarge: ")
		}
	})

	t.Run("Send_InPagehide_ArrivesAfterThePage", func(t *testing.T) {
		for _, sender := range []string{"plain", "header"} {
			for _, end := range []string{"navigate", "close"} {
				c, p := newCollector(t), open(t)
				url := c.URL + "/" + sender + "/" + end
				answerPreflight := c.hold("OPTIONS /" + sender + "/" + end)
				p.evaluate(`sendWhenLeft("` + sender + `", "` + url + `", "json")`)
				p.evaluate(`fetch("` + c.URL + `/gone").catch(() => 0); 0`)
				c.wait(c.URL + "/gone")
				if end == "navigate" {
					p.navigate(c.URL + "/another")
				} else {
					p.close(browser)
				}
				<-c.gone // the browser has cancelled what does not outlive the page
				answerPreflight()
				if got := c.wait(url); got.body != `{"a":1}` {
					t.Errorf("%s, %s: got %q, want the event", sender, end, got.body)
				}
			}
		}
	})

	t.Run("Flush_FetchUnderWay_Waits", func(t *testing.T) {
		c, p := newCollector(t), open(t)
		release := c.hold("POST /held")
		p.want(`send("header", "`+c.URL+`/held", "text")`, "nil")
		p.evaluate(`flush("header").then(r => window.flushed = r); 0`)
		p.want(`flush("plain")`, "nil")
		p.want(`String(window.flushed)`, "undefined")
		release()
		proctest.Eventually(t, func() error {
			if got := p.evaluate(`String(window.flushed)`); got != "nil" {
				return fmt.Errorf("Flush: got %s, want nil", got)
			}
			return nil
		})
	})

	t.Run("Transport_Post_LeavesWithItsHeader", func(t *testing.T) {
		c, p := newCollector(t), open(t)
		p.want(`post("`+c.URL+`/post")`, "202 Accepted")
		got := c.wait(c.URL + "/post")
		if got.body != `{"a":1}` || got.header.Get("Content-Type") != "application/json;charset=UTF-8" || got.header.Get("Idempotency-Key") != `"key"` {
			t.Errorf("got %q with %v", got.body, got.header)
		}
	})

	t.Run("Send_ProgramEnds_BeaconArrivesWithoutAnException", func(t *testing.T) {
		c, p := newCollector(t), open(t)
		release := c.hold("POST /held")
		p.evaluate(`send("header", "` + c.URL + `/held", "text"); exit()`)
		proctest.Eventually(t, func() error {
			if p.evaluate(`String(window.exited)`) != "true" {
				return fmt.Errorf("the program still runs")
			}
			return nil
		})
		release()
		p.wantInitiator(c.URL+"/held", "fetch")
		p.want(`new Promise(done => setTimeout(() => done(String(unhandled))))`, "")
	})

	t.Run("Send_OptOut_ReturnsItsError", func(t *testing.T) {
		p := open(t)
		p.wantPrefix(`send("optout", "/", "text")`, "ErrDoNotTrack: ")
		p.wantPrefix(`send("disabled", "/", "text")`, "ErrDisabled: ")
		p.want(`send("plain", "/", "text")`, "nil")
	})

	t.Run("Outbox_InABrowser_IsUnsupported", func(t *testing.T) {
		p := open(t)
		wants := map[string]string{
			"HeaderFile": "TypeError", "Base": "TypeError", "MaxBody": "TypeError", "Dir": "nil", "Status": "ErrUnsupported", "Pending": "ErrUnsupported",
			"Drop": "ErrUnsupported", "ReadStatus": "ErrUnsupported", "OutboxDir": "ErrUnsupported", "Close": "nil", "Send": "ErrClosed",
		}
		for line := range strings.Lines(p.evaluate(`unsupported()`)) {
			name, got, _ := strings.Cut(strings.TrimSpace(line), " ")
			if want := wants[name]; want == "" || !strings.HasPrefix(got, want) {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
			delete(wants, name)
		}
		if len(wants) > 0 {
			t.Errorf("no results of %v", wants)
		}
	})
}

// servePages builds the program and returns the URL of its page.
func servePages(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "main.wasm")
	build := exec.Command("go", "build", "-o", program, "./program")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, page) })
	for name, path := range map[string]string{"/main.wasm": program, "/wasm_exec.js": filepath.Join(strings.TrimSpace(string(root)), "lib/wasm/wasm_exec.js")} {
		mux.HandleFunc(name, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// A wasmPage is a tab in which the program runs.
type wasmPage struct {
	t   *testing.T
	ctx context.Context
}

func openPage(t *testing.T, browser context.Context, url string) *wasmPage {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	p := &wasmPage{t, ctx}
	p.navigate(url)
	proctest.Eventually(t, func() error {
		if p.evaluate(`String(window.ready)`) != "true" {
			return fmt.Errorf("the program does not run")
		}
		return nil
	})
	return p
}

func (p *wasmPage) navigate(url string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Navigate(url)); err != nil {
		p.t.Fatalf("open %s: %v", url, err)
	}
}

// close closes the tab as its user does.
func (p *wasmPage) close(browser context.Context) {
	p.t.Helper()
	id := chromedp.FromContext(p.ctx).Target.TargetID
	if _, err := chromedp.CallBrowser(browser, target.CloseTarget, target.CloseTargetParams{TargetID: id}); err != nil {
		p.t.Fatalf("close the tab: %v", err)
	}
}

// evaluate returns the value of an expression, or that of its promise.
func (p *wasmPage) evaluate(js string) string {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[any](js, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
	return fmt.Sprint(v)
}

func (p *wasmPage) want(js, want string) {
	p.t.Helper()
	if got := p.evaluate(js); got != want {
		p.t.Errorf("%s: got %s, want %s", js, got, want)
	}
}

func (p *wasmPage) wantPrefix(js, want string) {
	p.t.Helper()
	if got := p.evaluate(js); !strings.HasPrefix(got, want) {
		p.t.Errorf("%s: got %s, want %s…", js, got, want)
	}
}

// wantInitiator waits until the request to url has ended, and checks whether sendBeacon or fetch has sent it (Resource Timing,
// "initiatorType").
func (p *wasmPage) wantInitiator(url, want string) {
	p.t.Helper()
	proctest.Eventually(p.t, func() error {
		if got := p.evaluate(`performance.getEntriesByName("` + url + `").map(e => e.initiatorType).join()`); got != want {
			return fmt.Errorf("%s: got the initiator %q, want %q", url, got, want)
		}
		return nil
	})
}

// A collector takes beacons from pages of any origin.
type collector struct {
	*httptest.Server
	t    *testing.T
	mu   sync.Mutex
	got  map[string]arrived       // by URL
	held map[string]chan struct{} // by method and path; closed when it is answered
	gone chan struct{}            // closed when the browser has cancelled the request for /gone
}

type arrived struct {
	method, body string
	header       http.Header
}

func newCollector(t *testing.T) *collector {
	c := &collector{t: t, got: map[string]arrived{}, held: map[string]chan struct{}{}, gone: make(chan struct{})}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.mu.Lock()
		if r.Method != http.MethodOptions {
			c.got[c.URL+r.URL.Path] = arrived{r.Method, string(body), r.Header}
		}
		held := c.held[r.Method+" "+r.URL.Path]
		c.mu.Unlock()
		if held != nil {
			<-held
		}
		if r.URL.Path == "/gone" {
			<-r.Context().Done()
			close(c.gone)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// hold has requests with a method and path answered only after the returned function is called.
func (c *collector) hold(request string) (release func()) {
	held := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[request] = held
	release = sync.OnceFunc(func() { close(held) })
	c.t.Cleanup(release) // Close waits for the answer
	return release
}

// wait waits for the request to a URL.
func (c *collector) wait(url string) (got arrived) {
	c.t.Helper()
	proctest.Eventually(c.t, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		var ok bool
		if got, ok = c.got[url]; !ok {
			return fmt.Errorf("%s has not arrived", url)
		}
		return nil
	})
	return got
}
