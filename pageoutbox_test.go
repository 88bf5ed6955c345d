//go:build unix

package beacon_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

func pageOf(t *testing.T, url string) *beacon.Navigator {
	return &beacon.Navigator{Config: &beacon.Config{Outbox: newOutbox(t)}, Page: &beacon.Page{URL: url}}
}

func flushed(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := beacon.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

type received struct {
	*http.Request
	body string
}

func listen(t *testing.T, answer http.HandlerFunc) (s *httptest.Server, requests chan received) {
	requests = make(chan received, 100)
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- received{r, string(body)}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s, requests
}

func TestAPagesBeacon(t *testing.T) {
	s, requests := listen(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
	n := pageOf(t, s.URL+"/shop/cart?x=1#pay")
	if ok, err := n.SendBeacon("../count", "hello"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	flushed(t)
	r := <-requests
	if r.Method != "POST" || r.URL.Path != "/count" || r.body != "hello" || r.Header.Get("Origin") != s.URL || r.Header.Get("Referer") != s.URL+"/shop/cart?x=1" || r.Header.Get("Content-Type") != "text/plain;charset=UTF-8" {
		t.Errorf("%s %s %q %v", r.Method, r.URL, r.body, r.Header)
	}
	// Any answer is the last word.
	if len(requests) > 0 {
		t.Error("tried again after an answer")
	}
	for _, bad := range []string{"ftp://x/", "http://[", "data:,"} {
		if _, err := n.SendBeacon(bad, nil); err == nil {
			t.Errorf("%s: no TypeError", bad)
		}
	}
}

func TestThePagesQuotaIsWhatIsInFlight(t *testing.T) {
	answer := make(chan bool)
	s, requests := listen(t, func(w http.ResponseWriter, r *http.Request) { <-answer })
	n := pageOf(t, s.URL)
	for _, c := range []struct {
		size int
		want bool
	}{{40_000, true}, {25_537, false}, {25_536, true}, {1, false}, {0, true}} {
		if ok, err := n.SendBeacon("/", make([]byte, c.size)); ok != c.want || err != nil {
			t.Errorf("%d bytes: %v %v", c.size, ok, err)
		}
	}
	for range 3 {
		<-requests // all at once, though none is answered
	}
	close(answer)
	flushed(t)
	if ok, _ := n.SendBeacon("/", make([]byte, beacon.MaxBody)); !ok {
		t.Error("the quota did not come back")
	}
	flushed(t)
}

func TestAPagesRules(t *testing.T) {
	s, requests := listen(t, func(w http.ResponseWriter, r *http.Request) {})
	for name, n := range map[string]*beacon.Navigator{
		"CSP":  {Page: &beacon.Page{URL: s.URL, ContentSecurityPolicy: []string{"connect-src 'none'"}}},
		"CORS": {Page: &beacon.Page{URL: "http://elsewhere.example/"}},
	} {
		n.Config = &beacon.Config{Outbox: newOutbox(t)}
		if ok, err := n.SendBeacon(s.URL+"/"+name, beacon.JSON(name)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		flushed(t)
		config := &beacon.Config{Outbox: filepath.Join(n.Config.Outbox, "pages", "0")}
		if s, err := config.Status(); err != nil || s.Refused != 1 || s.Accepted != 1 {
			t.Errorf("%s: %+v %v", name, s, err)
		}
	}
	for len(requests) > 0 {
		if r := <-requests; r.Method != "OPTIONS" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}
}

func TestAPagesBeaconIsTriedAgainWhereNobodyAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	n := pageOf(t, "http://"+address)
	for range 3 {
		// Each gives its room back when it has failed.
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			if ok, err := n.SendBeacon("/", make([]byte, beacon.MaxBody)); err != nil {
				t.Fatal(err)
			} else if ok {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the quota did not come back")
			}
		}
	}
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	newDesk(t, listener, nil).wait(t, 3)
}

func TestTheHookSeesEveryBeaconBeforeItLeaves(t *testing.T) {
	s, requests := listen(t, func(w http.ResponseWriter, r *http.Request) {})
	n := pageOf(t, s.URL)
	held := make(chan struct{})
	n.Page.Intercept = func(ctx context.Context, r *beacon.Request) (*beacon.Response, error) {
		switch {
		case strings.HasSuffix(r.URL, "/answered"):
			return &beacon.Response{Type: "basic", Status: 200}, nil
		case strings.HasSuffix(r.URL, "/held"):
			<-held
		}
		return nil, nil
	}
	for _, path := range []string{"/held", "/answered", "/passed"} {
		if ok, err := n.SendBeacon(path, path); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if r := <-requests; r.body != "/passed" {
		t.Errorf("%s came first", r.body)
	}
	close(held)
	if r := <-requests; r.body != "/held" {
		t.Errorf("%s came second", r.body)
	}
	flushed(t)
	if len(requests) > 0 {
		t.Errorf("%s came, too", (<-requests).body)
	}
}

func TestAPagesBeaconsOutliveItsProcess(t *testing.T) {
	s, requests := listen(t, func(w http.ResponseWriter, r *http.Request) {})
	outbox := newOutbox(t)
	const runs = 20
	for range runs {
		run(t, outbox, s.URL, "page killed")
	}
	keys := map[string]bool{}
	for len(keys) < runs {
		select {
		case r := <-requests:
			keys[r.Header.Get("Idempotency-Key")] = true
		case <-time.After(30 * time.Second):
			t.Fatalf("%d of %d arrived", len(keys), runs)
		}
	}
}

// TestWhatAPageLeftIsDeliveredByTheNext kills a process with a page whose server does not
// answer, and has another one with a page.
func TestWhatAPageLeftIsDeliveredByTheNext(t *testing.T) {
	first := true
	s, requests := listen(t, func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			<-r.Context().Done()
		}
	})
	outbox := newOutbox(t)
	run(t, outbox, s.URL, "page")
	lost := <-requests
	run(t, outbox, s.URL, "page")
	seen := map[string]bool{}
	for range 2 {
		r := <-requests
		seen[r.Header.Get("Idempotency-Key")] = true
		if r.Header.Get("Origin") != "http://shop.example" || r.Header.Get("Referer") != "http://shop.example/" {
			t.Errorf("%v", r.Header)
		}
	}
	if len(seen) != 2 || !seen[lost.Header.Get("Idempotency-Key")] {
		t.Errorf("%v, and not %s", seen, lost.Header.Get("Idempotency-Key"))
	}
}

func TestTheQuotaComesBackFromBeaconsThatNobodyTries(t *testing.T) {
	s, _ := listen(t, func(w http.ResponseWriter, r *http.Request) {})
	n := pageOf(t, s.URL)
	n.Config.MaxAge = time.Nanosecond
	for range 3 {
		if ok, err := n.SendBeacon("/", make([]byte, beacon.MaxBody)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		flushed(t)
	}
}

func TestTheReferrerIsThatOfTheCall(t *testing.T) {
	s, requests := listen(t, func(w http.ResponseWriter, r *http.Request) {})
	n := pageOf(t, s.URL+"/one")
	pass := make(chan struct{})
	n.Page.Intercept = func(ctx context.Context, r *beacon.Request) (*beacon.Response, error) {
		r.Header.Set("X-Changed", "by the hook")
		r.Body[0] = 'X'
		<-pass
		return nil, nil
	}
	if ok, err := n.SendBeacon("/x", "body"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := n.Page.Move(s.URL+"/two", ""); err != nil {
		t.Error(err)
	}
	if err := n.Page.Move("https://elsewhere.example/", ""); err == nil {
		t.Error("moved to another origin")
	}
	close(pass)
	if r := <-requests; r.Header.Get("Referer") != s.URL+"/one" || r.body != "body" || r.Header.Get("X-Changed") != "" {
		t.Errorf("%q %v", r.body, r.Header)
	}
	flushed(t)
}

func TestTheHookFailsABeaconForNow(t *testing.T) {
	s, requests := listen(t, func(w http.ResponseWriter, r *http.Request) {})
	n := pageOf(t, s.URL)
	offline := true
	n.Page.Intercept = func(ctx context.Context, r *beacon.Request) (*beacon.Response, error) {
		if offline {
			offline = false
			return nil, errors.New("offline")
		}
		return nil, nil
	}
	if ok, err := n.SendBeacon("/x", "body"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	flushed(t)
	if len(requests) != 1 {
		t.Errorf("%d requests", len(requests))
	}
}
