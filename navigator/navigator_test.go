package navigator_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/navigator"
)

func TestNavigator_WithoutPage_ReturnsTypeError(t *testing.T) {
	s := serve(t, nil)
	n := navigator.Navigator{Agent: newAgent(t, navigator.Config{})}
	if ok, err := n.SendBeacon(s.URL, "x"); ok || !isTypeError(err) {
		t.Errorf("SendBeacon: got %v, %v; want false, a TypeError", ok, err)
	}
	if res, err := n.Fetch(t.Context(), &navigator.Request{URL: s.URL}); res != nil || !isTypeError(err) {
		t.Errorf("Fetch: got %v, %v; want nil, a TypeError", res, err)
	}
	if err := n.Ping(t.Context(), s.URL, s.URL); !isTypeError(err) {
		t.Errorf("Ping: got %v, want a TypeError", err)
	}
	if got := s.received(); got != nil {
		t.Errorf("got the requests %q, want none", lines(got))
	}
}

func TestSendBeacon_InvalidURL_ReturnsTypeError(t *testing.T) {
	n := newNavigator(t, "http://shop.example/")
	for _, url := range []string{"ftp://x/", "http://[", "data:,"} {
		if ok, err := n.SendBeacon(url, nil); ok || !isTypeError(err) {
			t.Errorf("%s: got %v, %v; want false, a TypeError", url, ok, err)
		}
	}
}

func TestSendBeacon_RelativeURL_SendsWithOriginAndReferer(t *testing.T) {
	s := serve(t, nil)
	n := newNavigator(t, s.URL+"/shop/cart?x=1#pay")
	queue(t, n, "../count", "hello")
	r := s.next(t)
	if r.Method != "POST" || r.URL.Path != "/count" || r.body != "hello" {
		t.Errorf("got %s %s %q, want POST /count hello", r.Method, r.URL, r.body)
	}
	for name, want := range map[string]string{"Origin": s.URL, "Referer": s.URL + "/shop/cart?x=1", "Content-Type": "text/plain;charset=UTF-8"} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestSendBeacon_ServerAnswers503_IsNotTriedAgain(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
	n := newNavigator(t, s.URL)
	queue(t, n, "/", "x")
	flush(t, n.Agent)
	if got := s.received(); len(got) != 1 {
		t.Errorf("got %d requests, want 1", len(got))
	}
}

func TestSendBeacon_Unanswered_CountsForQuota(t *testing.T) {
	answers := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { <-answers })
	n := newNavigator(t, s.URL)
	for _, c := range []struct {
		size int
		want bool
	}{{40_000, true}, {25_537, false}, {25_536, true}, {1, false}, {0, true}} {
		if ok, err := n.SendBeacon("/", make([]byte, c.size)); ok != c.want || err != nil {
			t.Errorf("%d bytes: got %v, %v; want %v, nil", c.size, ok, err, c.want)
		}
	}
	for range 3 {
		s.next(t) // they are sent at once, before one is answered
	}
	close(answers)
	flush(t, n.Agent)
	queue(t, n, "/", make([]byte, navigator.MaxBody))
	flush(t, n.Agent)
}

func TestSendBeacon_PageForbids_IsRefused(t *testing.T) {
	s := serve(t, nil)
	for name, page := range map[string]*navigator.Page{
		"CSP":  {URL: s.URL, ContentSecurityPolicy: []string{"connect-src 'none'"}},
		"CORS": {URL: "http://elsewhere.example/"},
	} {
		dir := proctest.OutboxDir(t)
		n := &navigator.Navigator{Agent: newAgent(t, navigator.Config{Dir: dir}), Page: page}
		queue(t, n, s.URL+"/"+name, beacon.JSON(name))
		flush(t, n.Agent)
		if status, err := beacon.ReadStatus(dir); err != nil || status.Refused != 1 || status.Accepted != 1 {
			t.Errorf("%s: got %+v, %v; want 1 accepted and refused", name, status, err)
		}
	}
	for _, r := range s.received() {
		if r.Method != "OPTIONS" {
			t.Errorf("got %s %s, want preflights only", r.Method, r.URL)
		}
	}
}

// A beacon that is tried again does not count for the quota: by the standard it ended with its first attempt.
func TestSendBeacon_ServerStartsLater_BeaconsArrive(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	n := newNavigator(t, "http://"+address)
	for range 3 {
		proctest.Eventually(t, func() error {
			ok, err := n.SendBeacon("/", make([]byte, navigator.MaxBody))
			if err == nil && !ok {
				err = errors.New("the attempt that failed still counts for the quota")
			}
			return err
		})
	}
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	serveAt(t, listener, nil).beacons(t, 3)
}

func TestSendBeacon_ExpiresUntried_QuotaIsReleased(t *testing.T) {
	s := serve(t, nil)
	n := &navigator.Navigator{Agent: newAgent(t, navigator.Config{MaxAge: time.Nanosecond}), Page: &navigator.Page{URL: s.URL}}
	for range 3 {
		queue(t, n, "/", make([]byte, navigator.MaxBody))
		flush(t, n.Agent)
	}
}

func TestSendBeacon_Intercepted_HookDecides(t *testing.T) {
	s := serve(t, nil)
	n := newNavigator(t, s.URL)
	held := make(chan struct{})
	n.Page.Intercept = func(_ context.Context, r *navigator.Request) (*navigator.Response, error) {
		switch {
		case strings.HasSuffix(r.URL, "/answered"):
			return &navigator.Response{Type: "basic", Status: 200}, nil
		case strings.HasSuffix(r.URL, "/held"):
			<-held
		}
		return nil, nil
	}
	for _, path := range []string{"/held", "/answered", "/passed"} {
		queue(t, n, path, path)
	}
	if r := s.next(t); r.body != "/passed" {
		t.Errorf("got %s first, want /passed", r.body)
	}
	close(held)
	if r := s.next(t); r.body != "/held" {
		t.Errorf("got %s second, want /held", r.body)
	}
	flush(t, n.Agent)
	if got := s.received(); got != nil {
		t.Errorf("got %q too, which Intercept answered", lines(got))
	}
}

func TestSendBeacon_InterceptFails_IsTriedAgain(t *testing.T) {
	s := serve(t, nil)
	n := newNavigator(t, s.URL)
	offline := true
	n.Page.Intercept = func(context.Context, *navigator.Request) (*navigator.Response, error) {
		if offline {
			offline = false
			return nil, errors.New("offline")
		}
		return nil, nil
	}
	queue(t, n, "/x", "body")
	flush(t, n.Agent)
	if got := s.received(); len(got) != 1 {
		t.Errorf("got %d requests, want 1", len(got))
	}
}

func TestSendBeacon_InterceptChangesItsCopy_RequestIsTheSame(t *testing.T) {
	s := serve(t, nil)
	n := newNavigator(t, s.URL)
	n.Page.Intercept = func(_ context.Context, r *navigator.Request) (*navigator.Response, error) {
		r.Header.Set("X-Changed", "by the hook")
		r.Body[0] = 'X'
		return nil, nil
	}
	queue(t, n, "/", "body")
	if r := s.next(t); r.body != "body" || r.Header.Get("X-Changed") != "" {
		t.Errorf("got the body %q and the header %v, want what was queued", r.body, r.Header)
	}
}

func TestSendBeacon_PageMoves_RefererIsOfTheCall(t *testing.T) {
	s := serve(t, nil)
	n := newNavigator(t, s.URL+"/one")
	pass := make(chan struct{})
	n.Page.Intercept = func(context.Context, *navigator.Request) (*navigator.Response, error) {
		<-pass
		return nil, nil
	}
	queue(t, n, "/x", "body")
	if err := n.Page.Move(s.URL+"/two", ""); err != nil {
		t.Error(err)
	}
	close(pass)
	if got, want := s.next(t).Header.Get("Referer"), s.URL+"/one"; got != want {
		t.Errorf("got the Referer %q, want %q", got, want)
	}
}

func TestMove_OtherOrigin_ReturnsTypeError(t *testing.T) {
	p := &navigator.Page{URL: "https://shop.example/"}
	if err := p.Move("https://elsewhere.example/", ""); !isTypeError(err) {
		t.Errorf("got %v, want a TypeError", err)
	}
}

func TestSendBeacon_ProcessKilled_StandbyDelivers(t *testing.T) {
	s := serve(t, nil)
	dir := proctest.OutboxDir(t)
	const runs = 20
	for range runs {
		run(t, dir, s.URL, "standby killed")
	}
	s.beacons(t, runs)
}

// The first program ends before its beacon has an answer, and has no standby.
func TestSendBeacon_ProcessEnded_NextOneDelivers(t *testing.T) {
	first := true
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			<-r.Context().Done()
		}
	})
	dir := proctest.OutboxDir(t)
	run(t, dir, s.URL, "page")
	lost := s.next(t)
	run(t, dir, s.URL, "page")
	got := s.beacons(t, 2)
	if _, ok := got[lost.key()]; !ok {
		t.Errorf("the second program's deliveries lack the first one's beacon %s", lost.key())
	}
	for key, r := range got {
		if origin, referer := r.Header.Get("Origin"), r.Header.Get("Referer"); origin != "http://shop.example" || referer != "http://shop.example/" {
			t.Errorf("%s: got the Origin %q and the Referer %q, want those of shop.example", key, origin, referer)
		}
	}
}

// The program's server is down. Then a process that honors DO_NOT_TRACK runs, with a page or a Sender.
func TestSendBeacon_DoNotTrackSetLater_BeaconsArePurged(t *testing.T) {
	down := serve(t, nil)
	down.Close()
	for _, c := range []struct {
		program string
		standby bool
	}{{"standby honoring killed", true}, {"page honoring killed", false}} {
		for _, with := range []string{"page", "sender"} {
			t.Run(c.program+", then a "+with, func(t *testing.T) {
				dir := proctest.OutboxDir(t)
				run(t, dir, down.URL, c.program)
				proctest.Eventually(t, func() error {
					status, err := beacon.ReadStatus(dir)
					if err == nil && (status.Pending != 1 || status.Delivering != c.standby) {
						err = fmt.Errorf("got %+v; want 1 pending, and a process that delivers: %v", status, c.standby)
					}
					return err
				})
				t.Setenv("DO_NOT_TRACK", "1")
				if with == "page" {
					n := &navigator.Navigator{Agent: newAgent(t, navigator.Config{Dir: dir, HonorDoNotTrack: true}), Page: &navigator.Page{URL: down.URL}}
					if ok, err := n.SendBeacon("/", "x"); ok || err != nil {
						t.Errorf("SendBeacon: got %v, %v; want false, nil", ok, err)
					}
				} else {
					sender, err := beacon.Open(beacon.Config{Dir: dir, HonorDoNotTrack: true})
					if err != nil {
						t.Fatal(err)
					}
					defer sender.Close()
					if err := sender.Send(down.URL, "x"); !errors.Is(err, beacon.ErrDoNotTrack) {
						t.Errorf("Send: got %v, want %v", err, beacon.ErrDoNotTrack)
					}
				}
				proctest.Eventually(t, func() error {
					status, err := beacon.ReadStatus(dir)
					if err == nil && (status.Purged != 1 || status.Pending != 0) {
						err = fmt.Errorf("got %+v, want 1 purged and none pending", status)
					}
					return err
				})
			})
		}
	}
}

func TestSendBeacon_DoNotTrackHonored_PurgesOnlyWhatHonorsIt(t *testing.T) {
	down := serve(t, nil)
	down.Close()
	dir := proctest.OutboxDir(t)
	page := &navigator.Page{URL: "http://shop.example/"}
	honoring := &navigator.Navigator{Agent: newAgent(t, navigator.Config{Dir: dir, HonorDoNotTrack: true}), Page: page}
	other := &navigator.Navigator{Agent: newAgent(t, navigator.Config{Dir: dir}), Page: page}
	queue(t, honoring, down.URL, "1")
	queue(t, honoring, down.URL, "2")
	queue(t, other, down.URL, "3")
	t.Setenv("DO_NOT_TRACK", "1")
	if ok, err := honoring.SendBeacon(down.URL, "x"); ok || err != nil {
		t.Errorf("SendBeacon: got %v, %v; want false, nil", ok, err)
	}
	proctest.Eventually(t, func() error {
		status, err := beacon.ReadStatus(dir)
		if err == nil && (status.Purged != 2 || status.Pending != 1 || status.Accepted != 3 || status.Forbidden.IsZero()) {
			err = fmt.Errorf("got %+v; want 3 accepted, 2 of them purged and 1 pending", status)
		}
		return err
	})
	t.Setenv("DO_NOT_TRACK", "")
	queue(t, honoring, down.URL, "x")
}
