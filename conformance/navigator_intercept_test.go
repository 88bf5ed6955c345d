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

	"github.com/seed-d051cf5a/beacon"
)

const interceptSection = `Fetch, "HTTP fetch", step 3`

type hook = func(context.Context, *beacon.Request) (*beacon.Response, error)

// answered is a hook that answers.
func answered(status int) hook {
	return func(context.Context, *beacon.Request) (*beacon.Response, error) {
		return &beacon.Response{Type: "basic", Status: status}, nil
	}
}

// A witness passes all that it sees.
type witness struct {
	mu   sync.Mutex
	seen []*beacon.Request
}

func (w *witness) hook(_ context.Context, r *beacon.Request) (*beacon.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, r)
	return nil, nil
}

func (w *witness) saw(t *trial, n int) []*beacon.Request {
	t.Helper()
	t.flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) != n {
		t.Fatalf("Intercept saw %d requests, and not %d", len(w.seen), n)
	}
	return w.seen
}

// interceptRules are about the hook in a service worker's place.
func interceptRules() []goRule {
	// hooked is a rule about a beacon that the hook gets to see, or not.
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
		return func(context.Context, *beacon.Request) (*beacon.Response, error) {
			return &beacon.Response{Type: kind}, nil
		}
	}
	return []goRule{
		{
			name: "It sees the request as it is, and lets it pass", section: interceptSection,
			answers: map[string]answer{"{other}/beacon": {Allow: true}},
			run: func(t *trial) {
				var w witness
				t.navigator.Page.Intercept = w.hook
				t.beacon("{other}/beacon?q#f", asJSON)
				r := *w.saw(t, 1)[0]
				got := fmt.Sprint(r.Method, r.URL, r.Mode, r.Credentials, r.Redirect, r.Referrer, r.Keepalive, r.Initiator, r.Header.Get("Content-Type"), string(r.Body))
				want := fmt.Sprint("POST", t.url("{other}/beacon?q"), "cors", "include", "follow", "about:client", true, "beacon", "application/json", "{}")
				if got != want {
					t.Errorf("%s\nand not %s", got, want)
				}
			},
			requests: []fieldsOf{{"method": "OPTIONS"}, {"method": "POST", "body": "{}"}},
		},
		{
			name: "It sees it once, and no redirect", section: interceptSection,
			answers: along(answer{}, "{page}/1", "{page}/2"),
			run: func(t *trial) {
				var w witness
				t.navigator.Page.Intercept = w.hook
				t.beacon("{page}/1", "x")
				w.saw(t, 1)
			},
			requests: []fieldsOf{{"at": "{page}/1"}, {"at": "{page}/2"}},
		},
		hooked("What it answers does not leave", "{page}/beacon", pageSettings{}, 0, answered(200)),
		hooked("nor a preflight", "{other}/beacon", pageSettings{}, 0, answered(204)),
		hooked("A 500 of its own is final", "{page}/beacon", pageSettings{}, 1, answered(500)),
		{
			name: "What it fails does not leave, and is tried again, as without a network", section: interceptSection,
			run: func(t *trial) {
				failed := false
				t.navigator.Page.Intercept = func(context.Context, *beacon.Request) (*beacon.Response, error) {
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
		hooked("To mode cors it may answer with what is of type cors", "{other}/beacon", pageSettings{}, 1, ofType("opaque")),
		hooked("A redirect that is not followed is no answer", "{page}/beacon", pageSettings{}, 1, ofType("opaqueredirect")),
		{
			name: "What it holds is true, holds its bytes, and nothing up", section: interceptSection,
			run: func(t *trial) {
				held := make(chan bool)
				t.navigator.Page.Intercept = func(_ context.Context, r *beacon.Request) (*beacon.Response, error) {
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
		unseen("It does not see what the policy blocks", "{page}/beacon", pageSettings{CSP: []string{"connect-src 'none'"}}),
		unseen("nor mixed content", "{insecure}/beacon", pageSettings{}),
		unseen("nor a bad port", "{badport}/beacon", pageSettings{}),
		{
			name: "It sees what goes to where nobody is", section: interceptSection,
			run: func(t *trial) {
				t.navigator.Page.Intercept = answered(200)
				t.beacon("{closed}/beacon", "x")
			},
		},
	}
}

// answerRules are about when a beacon is finished.
func answerRules() []goRule {
	rules := []goRule{
		{
			name: "Where there is no answer it is tried again, with the same key, and arrives when the server comes", section: "ours",
			run: func(t *trial) {
				_, url, serve := t.nobody()
				t.beacon(url, "x")
				time.Sleep(100 * time.Millisecond) // of which it finds nobody for some
				serve()
			},
			requests: []fieldsOf{{"method": "POST", "body": "x", "origin": "null"}},
		},
		{
			name: "So it is where the server hangs up", section: "ours",
			answers: map[string]answer{"{page}/beacon": {Hold: true, Abort: true}},
			run: func(t *trial) {
				t.beacon("{page}/beacon", "x")
				first := t.arrived("{page}/beacon")["idempotency-key"]
				t.sites.collector.answer(t.visit, "{page}/beacon", answer{})
				t.release("{page}/beacon")
				t.flush()
				came := t.sites.collector.seen(t.visit)
				if again := came[len(came)-1].fields["idempotency-key"]; again != first {
					t.Errorf("key %v, and then %v", first, again)
				}
			},
			requests: []fieldsOf{{"body": "x"}, {"body": "x"}},
		},
		{
			name: "Each has a key of its own", section: "ours",
			run: func(t *trial) {
				t.beacon("{page}/1", "x")
				t.beacon("{page}/2", "x")
				if a, b := t.arrived("{page}/1"), t.arrived("{page}/2"); a["idempotency-key"] == nil || a["idempotency-key"] == b["idempotency-key"] {
					t.Errorf("%v and %v", a["idempotency-key"], b["idempotency-key"])
				}
			},
			requests:  []fieldsOf{{"at": "{page}/1"}, {"at": "{page}/2"}},
			unordered: true,
		},
	}
	for _, status := range []int{200, 204, 299} {
		rules = append(rules, goRule{
			name: fmt.Sprint(status, " is the last word"), section: processingSection,
			answers:  map[string]answer{"{page}/beacon": {Status: status}},
			requests: []fieldsOf{{"method": "POST"}},
		})
	}
	for _, status := range []int{400, 404, 408, 413, 425, 429, 500, 502, 503, 504, 599} {
		rules = append(rules, goRule{
			name: fmt.Sprint(status, " is the last word, and refuses it"), section: processingSection, refused: 1,
			answers:  map[string]answer{"{page}/beacon": {Status: status, Headers: map[string]string{"Retry-After": "0"}}},
			requests: []fieldsOf{{"method": "POST"}},
		})
	}
	return rules
}

// nobody is a URL, and the place that it is to the collector, where nobody listens until
// serve is called.
func (t *trial) nobody() (at, url string, serve func()) {
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
