package fetch

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

func TestThePreflightIsKept(t *testing.T) {
	w := newWorld(t)
	page := &Page{URL: "https://a.example/"}
	allow := []string{"Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Headers: content-type, x-own"}
	count := func(q Request) (preflights int) {
		t.Helper()
		w.do(q)
		for _, v := range w.visits() {
			if v.method == "OPTIONS" {
				preflights++
			}
		}
		return preflights
	}
	q := jsonBeacon(page, "https://b.example/to")
	w.on(q.URL, 200, allow...)
	if count(q) != 1 || count(q) != 0 {
		t.Error("the second one asks again, or the first one didn't")
	}
	own := jsonBeacon(page, "https://b.example/to")
	own.Header.Set("X-Own", "1")
	if count(own) != 0 {
		t.Error("what was allowed is asked for")
	}
	own.Header.Set("X-New", "1")
	if count(own) != 1 {
		t.Error("what was not allowed is not asked for")
	}
	// That failed, so all that is known of the URL is forgotten.
	if count(q) != 1 {
		t.Error("what is known outlives a failure")
	}
	if count(jsonBeacon(page, "https://b.example/to?other")) != 1 {
		t.Error("what is known of one URL counts for another")
	}
	if count(jsonBeacon(&Page{URL: "https://a.example/"}, q.URL)) != 1 {
		t.Error("what one page knows another does, too")
	}
	w.on(q.URL, 200, append(allow, "Access-Control-Max-Age: 0")...)
	fresh := jsonBeacon(&Page{URL: "https://a.example/"}, q.URL)
	for range 2 {
		if count(fresh) != 1 {
			t.Error("a max-age of 0 is kept")
		}
	}
}

// TestPreflightCache is Fetch, "CORS-preflight cache", with the clock of a bubble.
func TestPreflightCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := func(page *Page, credentials, method string, names ...string) *fetching {
			q := Request{Page: page, URL: "https://b.example/", Method: method, Mode: "cors", Credentials: credentials, Header: http.Header{}}
			for _, name := range names {
				q.Header.Set(name, "1")
			}
			f := newFetchingFor(t, q)
			f.tainting = "cors"
			return f
		}
		p := &Page{URL: "https://a.example/"}
		c := &p.preflights
		check := func(name string, f *fetching, want bool) {
			t.Helper()
			if c.allows(f) != want {
				t.Errorf("%s: %v", name, !want)
			}
		}
		c.keep(ask(p, "include", "PUT"), 5*time.Second, []string{"PUT"}, []string{"X-Own"})
		check("as kept", ask(p, "include", "PUT", "X-Own"), true)
		check("without credentials, too", ask(p, "omit", "PUT", "X-Own"), true)
		check("another method", ask(p, "include", "DELETE"), false)
		check("another method's case", ask(p, "include", "Put"), false)
		check("another name's case", ask(p, "include", "PUT", "x-OWN"), true)
		check("a safe method and no header", ask(p, "include", "POST"), true)
		other := ask(p, "include", "PUT")
		other.origin = weburl.Origin{}
		check("another origin", other, false)
		time.Sleep(5*time.Second - time.Nanosecond)
		check("just before it expires", ask(p, "include", "PUT"), true)
		time.Sleep(time.Nanosecond)
		check("expired", ask(p, "include", "PUT"), false)

		c.keep(ask(p, "omit", "PUT"), 5*time.Second, []string{"*"}, []string{"*"})
		check("everything", ask(p, "omit", "DELETE", "X-Any"), true)
		check("but for credentials", ask(p, "include", "DELETE"), false)
		check("and Authorization", ask(p, "omit", "DELETE", "Authorization"), false)
		time.Sleep(4 * time.Second)
		c.keep(ask(p, "omit", "PUT"), 5*time.Second, []string{"PUT"}, nil) // the wildcard lives on with it
		time.Sleep(4 * time.Second)
		check("kept again", ask(p, "omit", "DELETE"), true)
		c.keep(ask(p, "omit", "PUT"), 0, []string{"PUT"}, nil)
		check("taken back", ask(p, "omit", "DELETE"), false)

		for i := range 3 * maxPreflights {
			f := ask(p, "include", "PUT")
			f.Header.Set("X-Own", fmt.Sprint(i))
			c.keep(f, time.Hour, nil, []string{fmt.Sprint("x-", i)})
		}
		if len(c.expires) > maxPreflights {
			t.Errorf("%d entries", len(c.expires))
		}
	})
}

func TestMaxAge(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"0": 0, "60": time.Minute, "7200": 2 * time.Hour, "7201": 2 * time.Hour, "99999999999999999999999": 2 * time.Hour,
		"-1": 0, "--1": 5 * time.Second, "-": 5 * time.Second, "": 5 * time.Second, "1.5": 5 * time.Second, "soon": 5 * time.Second,
	} {
		if got := maxAge(http.Header{"Access-Control-Max-Age": {value}}); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	if maxAge(nil) != 5*time.Second || maxAge(http.Header{"Access-Control-Max-Age": {"60", "60"}}) != 5*time.Second {
		t.Error("not 5 seconds")
	}
}
