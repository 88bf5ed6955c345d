package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/navigator"
)

const interceptSection = `Fetch, "HTTP fetch", step 3`

type hook = func(context.Context, *navigator.Request) (*navigator.Response, error)

// answered returns a hook that answers with a status.
func answered(status int) hook {
	return func(context.Context, *navigator.Request) (*navigator.Response, error) {
		return &navigator.Response{Type: "basic", Status: status}, nil
	}
}

// A witness keeps the requests of its hook, which lets them pass.
type witness struct {
	mu   sync.Mutex
	seen []*navigator.Request
}

func (w *witness) hook(_ context.Context, r *navigator.Request) (*navigator.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, r)
	return nil, nil
}

func (w *witness) saw(t *trial, n int) []*navigator.Request {
	t.Helper()
	t.flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) != n {
		t.Fatalf("Intercept got %d requests, want %d", len(w.seen), n)
	}
	return w.seen
}

// interceptRules returns the rules for Page.Intercept, which acts as a service worker.
func interceptRules() []goRule {
	// hooked returns a rule for a beacon with a hook.
	hooked := func(name, place string, page pageSettings, refused int, h hook) goRule {
		return goRule{
			name: name, section: interceptSection, page: page, refused: refused,
			answers: map[string]answer{place: {Allow: true}},
			run: func(t *trial) {
				t.navigator.Page.Intercept = h
				t.beacon(place, asJSON)
			},
		}
	}
	// unseen returns a rule for a beacon for which the hook is not called.
	unseen := func(name, place string, page pageSettings) goRule {
		return goRule{
			name: name, section: interceptSection, page: page, refused: 1,
			run: func(t *trial) {
				var w witness
				t.navigator.Page.Intercept = w.hook
				t.beacon(place, "x")
				w.saw(t, 0)
			},
		}
	}
	ofType := func(kind string) hook {
		return func(context.Context, *navigator.Request) (*navigator.Response, error) {
			return &navigator.Response{Type: kind}, nil
		}
	}
	return []goRule{
		{
			name: "It gets the request, and can let it pass", section: interceptSection,
			answers: map[string]answer{"{other}/beacon": {Allow: true}},
			run: func(t *trial) {
				var w witness
				t.navigator.Page.Intercept = w.hook
				t.beacon("{other}/beacon?q#f", asJSON)
				r := *w.saw(t, 1)[0]
				got := fmt.Sprint(r.Method, r.URL, r.Mode, r.Credentials, r.Redirect, r.Referrer, r.Keepalive, r.Initiator, r.Header.Get("Content-Type"), string(r.Body))
				want := fmt.Sprint("POST", t.url("{other}/beacon?q"), "cors", "include", "follow", "about:client", true, "beacon", "application/json", "{}")
				if got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			},
			requests: []fieldsOf{{"method": "OPTIONS"}, {"method": "POST", "body": "{}"}},
		},
		{
			name: "It is called once, and not for redirects", section: interceptSection,
			answers: along(answer{}, "{page}/1", "{page}/2"),
			run: func(t *trial) {
				var w witness
				t.navigator.Page.Intercept = w.hook
				t.beacon("{page}/1", "x")
				w.saw(t, 1)
			},
			requests: []fieldsOf{{"at": "{page}/1"}, {"at": "{page}/2"}},
		},
		hooked("A request that it answers does not leave", "{page}/beacon", pageSettings{}, 0, answered(200)),
		hooked("Nor does its preflight", "{other}/beacon", pageSettings{}, 0, answered(204)),
		hooked("A 500 from it is final", "{page}/beacon", pageSettings{}, 1, answered(500)),
		{
			name: "A request that it fails does not leave, and is tried again", section: interceptSection,
			run: func(t *trial) {
				failed := false
				t.navigator.Page.Intercept = func(context.Context, *navigator.Request) (*navigator.Response, error) {
					if !failed {
						failed = true
						return nil, errors.New("no network")
					}
					return nil, nil
				}
				t.beacon("{page}/beacon", "x")
			},
			requests: []fieldsOf{{"at": "{page}/beacon"}},
		},
		hooked("An opaque answer to mode cors is an error", "{other}/beacon", pageSettings{}, 1, ofType("opaque")),
		hooked("An opaqueredirect answer is an error", "{page}/beacon", pageSettings{}, 1, ofType("opaqueredirect")),
		{
			name: "A request that it holds counts for the quota, and delays no other", section: interceptSection,
			run: func(t *trial) {
				held := make(chan bool)
				t.navigator.Page.Intercept = func(_ context.Context, r *navigator.Request) (*navigator.Response, error) {
					if strings.HasSuffix(r.URL, "/held") {
						<-held
					}
					return nil, nil
				}
				t.beacon("{page}/held", make([]byte, 65_535))
				t.noRoom(2)
				t.beacon("{page}/beacon", "x")
				t.arrived("{page}/beacon")
				close(held)
			},
			requests: []fieldsOf{{"at": "{page}/beacon"}, {"at": "{page}/held"}},
		},
		unseen("It is not called for a request that the policy blocks", "{page}/beacon", pageSettings{CSP: []string{"connect-src 'none'"}}),
		unseen("It is not called for mixed content", "{insecure}/beacon", pageSettings{}),
		unseen("It is not called for a bad port", "{badport}/beacon", pageSettings{}),
		{
			name: "It is called for a server that is down", section: interceptSection,
			run: func(t *trial) {
				t.navigator.Page.Intercept = answered(200)
				t.beacon("{closed}/beacon", "x")
			},
		},
	}
}

// answerRules returns the rules for the end of a beacon.
func answerRules() []goRule {
	rules := []goRule{
		{
			name: "Without an answer it is tried again, and arrives when the server starts", section: "ours",
			run: func(t *trial) {
				_, url, serve := t.down()
				t.beacon(url, "x")
				time.Sleep(100 * time.Millisecond) // for some attempts that fail
				serve()
			},
			requests: []fieldsOf{{"method": "POST", "body": "x", "origin": "null"}},
		},
		{
			name: "After the server closed the connection it is tried again, with the same key", section: "ours",
			answers: map[string]answer{"{page}/beacon": {Hold: true, Abort: true}},
			run: func(t *trial) {
				t.beacon("{page}/beacon", "x")
				first := t.arrived("{page}/beacon")["idempotency-key"]
				t.sites.collector.answer(t.visit, "{page}/beacon", answer{})
				t.release("{page}/beacon")
				t.flush()
				came := t.sites.collector.seen(t.visit)
				if again := came[len(came)-1].fields["idempotency-key"]; again != first {
					t.Errorf("the second attempt has the key %v, want %v", again, first)
				}
			},
			requests: []fieldsOf{{"body": "x"}, {"body": "x"}},
		},
		{
			name: "Each beacon has another key", section: "ours",
			run: func(t *trial) {
				t.beacon("{page}/1", "x")
				t.beacon("{page}/2", "x")
				if a, b := t.arrived("{page}/1"), t.arrived("{page}/2"); a["idempotency-key"] == nil || a["idempotency-key"] == b["idempotency-key"] {
					t.Errorf("got the keys %v and %v, want two different ones", a["idempotency-key"], b["idempotency-key"])
				}
			},
			requests:  []fieldsOf{{"at": "{page}/1"}, {"at": "{page}/2"}},
			unordered: true,
		},
	}
	for _, status := range []int{200, 204, 299} {
		rules = append(rules, goRule{
			name: fmt.Sprint(status, " is final"), section: processingSection,
			answers:  map[string]answer{"{page}/beacon": {Status: status}},
			requests: []fieldsOf{{"method": "POST"}},
		})
	}
	for _, status := range []int{400, 404, 408, 413, 425, 429, 500, 502, 503, 504, 599} {
		rules = append(rules, goRule{
			name: fmt.Sprint(status, " is final, and the beacon is refused"), section: processingSection, refused: 1,
			answers:  map[string]answer{"{page}/beacon": {Status: status, Headers: map[string]string{"Retry-After": "0"}}},
			requests: []fieldsOf{{"method": "POST"}},
		})
	}
	return rules
}

// down returns the URL of a server that listens only after serve is called, and its place at the collector.
func (t *trial) down() (at, url string, serve func()) {
	l := listen(t, 0)
	address := l.Addr().String()
	l.Close()
	return "http://" + address + "/beacon", "http://" + address + "/c/" + t.visit.token + "/beacon", func() {
		server := &http.Server{Handler: t.sites}
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		go server.Serve(l)
		t.Cleanup(func() { server.Close() })
	}
}
