package page_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/navigator"
	"github.com/seed-d051cf5a/beacon/page"
)

// words are the functions with which the tests' scripts check conditions.
const words = `
	function equal(is, should, what) {
		if (!Object.is(is, should)) throw new Error((what ? what + ": " : "") + String(is) + ", not " + String(should))
	}
	function list(is, should, what) { equal(JSON.stringify(is), JSON.stringify(should), what) }
	function throws(type, f, what) {
		try { f() } catch (e) {
			if (typeof type === "function" ? e instanceof type : e instanceof DOMException && e.name === type) return e
			throw new Error((what || f) + " throws " + e)
		}
		throw new Error((what || f) + " throws nothing")
	}
	async function rejects(type, promise, what) {
		let e
		try { await promise } catch (x) { e = x; }
		throws(type, () => { if (e !== undefined) throw e }, what || "the promise")
	}
`

// open returns a page with an outbox of its own. It sets o.Navigator.Agent, unless it is set.
func open(t testing.TB, o page.Options) *page.Page {
	t.Helper()
	if o.Navigator == nil {
		o.Navigator = &navigator.Navigator{}
	}
	if o.Navigator.Agent == nil {
		o.Navigator.Agent = newAgent(t, navigator.Config{})
	}
	if o.URL == "" && o.Navigator.Page == nil {
		o.URL = "https://shop.example/cart/?a=1#end"
	}
	p, err := page.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p.Close(ctx)
		o.Navigator.Agent.Flush(ctx)
	})
	do(t, p, words)
	return p
}

// do runs a script, and waits for its timers and fetches. All of them must succeed.
func do(t testing.TB, p runner, script string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Run(ctx, "test.js", script); err != nil {
		t.Error(err)
	} else if err := p.Wait(ctx); err != nil {
		t.Error(err)
	}
}

// A rule is a script that throws if the page does not follow the rule in its name.
type rule struct{ name, script string }

func holds(t *testing.T, rules []rule) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			do(t, open(t, page.Options{}), "(async () => {"+r.script+"\n})()")
		})
	}
}

// A received is a request to the collector.
type received struct {
	method, path, contentType, body string
	header                          http.Header
}

// collector starts a server that answers with the request's body, and returns its URL and its requests.
func collector(t testing.TB) (url string, got <-chan received) {
	c := make(chan received, 1000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if hold := r.URL.Query().Get("hold"); hold != "" {
			d, _ := time.ParseDuration(hold)
			select {
			case <-time.After(d):
			case <-r.Context().Done():
			}
		}
		c <- received{r.Method, r.URL.RequestURI(), strings.Join(r.Header["Content-Type"], "|"), string(body), r.Header}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("X-Method", r.Method)
		w.Write(body)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL, c
}

func next(t testing.TB, got <-chan received) received {
	t.Helper()
	select {
	case r := <-got:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("nothing has arrived")
		panic("unreachable")
	}
}

// newAgent returns an agent, with an outbox of its own if the config has none, that the test's end closes.
func newAgent(t testing.TB, c navigator.Config) *navigator.Agent {
	t.Helper()
	if c.Dir == "" {
		c.Dir = newOutbox(t)
	}
	a := navigator.NewAgent(c)
	t.Cleanup(func() { a.Close() })
	return a
}

// newOutbox returns a directory that the test's end removes. A failure to remove it does not fail the test.
func newOutbox(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "beacon-page-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
