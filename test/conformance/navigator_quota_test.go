package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/navigator"
)

const (
	quotaSection      = `Fetch, "HTTP-network-or-cache fetch"`
	processingSection = `Beacon, "Processing Model"`
)

// quotaRules returns the rules for the quota of 64 KiB, which all keepalive requests of a page share.
func quotaRules() []goRule {
	rules := []goRule{
		{
			name: "65,537 bytes are over the quota", section: quotaSection,
			run: func(t *trial) { t.noRoom(65_537) },
		},
		{
			name: "Requests in flight count, and an empty body always fits", section: quotaSection,
			answers: map[string]answer{"{page}/held": {Hold: true}},
			run: func(t *trial) {
				t.beacon("{page}/held", make([]byte, 40_000))
				t.noRoom(25_537)
				t.beacon("{page}/held", make([]byte, 25_536))
				t.noRoom(1)
				t.beacon("{page}/nothing", []byte{})
				t.beacon("{page}/nothing", nil)
			},
			requests:  []fieldsOf{{"at": "{page}/held"}, {"at": "{page}/held"}, {"at": "{page}/nothing", "size": 0}, {"at": "{page}/nothing", "size": 0}},
			unordered: true,
		},
		{
			name: "A request that ends releases its bytes", section: quotaSection,
			answers: map[string]answer{"{page}/1": {Hold: true}, "{page}/2": {Hold: true}},
			run: func(t *trial) {
				t.beacon("{page}/1", make([]byte, 30_000))
				t.beacon("{page}/2", make([]byte, 35_536))
				t.release("{page}/1")
				t.room(30_000)
				t.arrived("{page}/room")
				t.noRoom(30_001)
			},
			requests:  []fieldsOf{{"at": "{page}/1"}, {"at": "{page}/2"}, {"at": "{page}/room", "size": 30_000}},
			unordered: true,
		},
		{
			name: "A fetch with keepalive counts", section: quotaSection,
			answers: map[string]answer{"{page}/fetch": {Hold: true}},
			run: func(t *trial) {
				end := t.fetching(&navigator.Request{URL: t.url("{page}/fetch"), Method: "POST", Keepalive: true, Body: make([]byte, 65_535)})
				t.arrived("{page}/fetch")
				t.noRoom(2)
				t.beacon("{page}/beacon", "x")
				t.release("{page}/fetch")
				if err := <-end; err != nil {
					t.Error(err)
				}
				t.room(65_535)
			},
			requests:  []fieldsOf{{"at": "{page}/fetch"}, {"at": "{page}/beacon"}, {"at": "{page}/room"}},
			unordered: true,
		},
		{
			name: "A fetch without keepalive does not count", section: quotaSection,
			answers: map[string]answer{"{page}/fetch": {Hold: true}},
			run: func(t *trial) {
				end := t.fetching(&navigator.Request{URL: t.url("{page}/fetch"), Method: "POST", Body: make([]byte, 70_000)})
				t.arrived("{page}/fetch")
				t.beacon("{page}/beacon", make([]byte, 65_536))
				t.release("{page}/fetch")
				if err := <-end; err != nil {
					t.Error(err)
				}
			},
			requests: []fieldsOf{{"at": "{page}/fetch"}, {"at": "{page}/beacon"}},
		},
		{
			name: "A fetch with keepalive over the quota is a TypeError", section: quotaSection,
			answers: map[string]answer{"{page}/beacon": {Hold: true}},
			run: func(t *trial) {
				t.beacon("{page}/beacon", make([]byte, 65_536))
				_, err := t.navigator.Fetch(t.Context(), &navigator.Request{URL: t.url("{page}/fetch"), Method: "POST", Keepalive: true, Body: []byte("x")})
				if e := (*beacon.TypeError)(nil); !errors.As(err, &e) {
					t.Errorf("got %v, want a TypeError", err)
				}
			},
			requests: []fieldsOf{{"at": "{page}/beacon"}},
		},
		{
			name: "A ping counts with four bytes", section: `HTML, "Hyperlink auditing"`,
			answers: map[string]answer{"{page}/ping": {Hold: true}},
			run: func(t *trial) {
				end := make(chan error, 1)
				go func() { end <- t.navigator.Ping(t.Context(), t.url("{page}/to"), t.url("{page}/ping")) }()
				t.arrived("{page}/ping")
				t.noRoom(65_533)
				t.beacon("{page}/beacon", make([]byte, 65_532))
				t.release("{page}/ping")
				if err := <-end; err != nil {
					t.Error(err)
				}
			},
			requests: []fieldsOf{{"at": "{page}/ping", "body": "PING"}, {"at": "{page}/beacon"}},
		},
		{
			name: "A ping over the quota is not sent", section: `HTML, "Hyperlink auditing"`,
			answers: map[string]answer{"{page}/beacon": {Hold: true}},
			run: func(t *trial) {
				t.beacon("{page}/beacon", make([]byte, 65_533))
				if err := t.navigator.Ping(t.Context(), t.url("{page}/to"), t.url("{page}/ping")); err == nil {
					t.Error("got nil, want an error")
				}
			},
			requests: []fieldsOf{{"at": "{page}/beacon"}},
		},
		{
			name: "The navigators of a page share the quota, other pages have their own", section: `Fetch, "Fetch groups"`,
			answers: map[string]answer{"{page}/held": {Hold: true}},
			run: func(t *trial) {
				t.beacon("{page}/held", make([]byte, 65_536))
				t.turnTo(t.navigator.Page)
				t.noRoom(1)
				t.turnTo(&navigator.Page{URL: t.navigator.Page.URL})
				t.beacon("{page}/beacon", make([]byte, 65_536))
			},
			requests:  []fieldsOf{{"at": "{page}/held"}, {"at": "{page}/beacon"}},
			unordered: true,
		},
		{
			name: "An attempt without an answer releases the quota, and the beacon is tried again", section: quotaSection,
			run: func(t *trial) {
				_, url, serve := t.down()
				t.beacon(url, make([]byte, 65_536))
				t.room(65_536)
				t.arrived("{page}/room")
				serve()
			},
			requests: []fieldsOf{{"at": "{page}/room"}, {"size": 65_536}},
		},
		{
			name: "An error of Intercept releases the quota", section: quotaSection, unordered: true,
			run: func(t *trial) {
				var again atomic.Bool
				t.navigator.Page.Intercept = func(ctx context.Context, r *navigator.Request) (*navigator.Response, error) {
					if r.URL == t.url("{page}/failed") && !again.Load() {
						return nil, errors.New("no")
					}
					return nil, nil
				}
				t.beacon("{page}/failed", make([]byte, 65_536))
				t.room(65_536)
				again.Store(true)
			},
			requests: []fieldsOf{{"at": "{page}/room"}, {"at": "{page}/failed"}},
		},
	}
	for _, size := range []int{0, 1, 65_535, 65_536} {
		rules = append(rules, one(fmt.Sprintf("%d bytes are sent", size), quotaSection, "{page}/beacon", make([]byte, size),
			fieldsOf{"method": "POST", "size": size, "content-length": fmt.Sprint(size), "content-type": nil}))
	}
	// released adds a rule for a beacon of 64 KiB to a place, whose end releases the quota.
	released := func(name, place string, a answer, refused int, requests ...fieldsOf) {
		rules = append(rules, goRule{
			name: name + " releases the quota", section: quotaSection, refused: refused, page: pageSettings{CSP: []string{"connect-src 'self' {plain} {badport} {insecure} {other}"}},
			answers: map[string]answer{place: a, "{page}/get": {Hold: true}},
			run: func(t *trial) {
				var data any = make([]byte, 65_536)
				if a.Preflight != nil {
					data = beacon.Blob{Data: make([]byte, 65_536), Type: "application/json"}
				}
				t.beacon(place, data)
				t.room(65_536)
				t.arrived("{page}/room")
			},
			requests:  append(requests, fieldsOf{"at": "{page}/room", "size": 65_536}),
			unordered: true,
		})
	}
	to := func(place string) fieldsOf { return fieldsOf{"at": place, "method": "POST"} }
	released("An answer", "{page}/1", answer{}, 0, to("{page}/1"))
	released("An answer with 404", "{page}/1", answer{Status: 404}, 1, to("{page}/1"))
	released("An answer with 500", "{page}/1", answer{Status: 500}, 1, to("{page}/1"))
	released("A redirect to an invalid URL", "{page}/1", answer{Status: 307, Location: "http://["}, 1, to("{page}/1"))
	released("A redirect that the policy blocks", "{page}/1", answer{Status: 307, Location: "{port}/2"}, 1, to("{page}/1"))
	released("A redirect without the body", "{page}/1", answer{Status: 303, Location: "{page}/get"}, 1,
		to("{page}/1"), fieldsOf{"at": "{page}/get", "method": "GET", "size": 0})
	released("A request that the policy blocks", "{port}/1", answer{}, 1)
	released("Mixed content", "{insecure}/1", answer{}, 1)
	released("A bad port", "{badport}/1", answer{}, 1)
	released("A preflight that is refused", "{other}/1", answer{Preflight: &answer{Status: 403}}, 1, fieldsOf{"at": "{other}/1", "method": "OPTIONS"})
	return rules
}

// fetching starts a fetch. Its error is sent to end.
func (t *trial) fetching(r *navigator.Request) (end chan error) {
	end = make(chan error, 1)
	go func() {
		_, err := t.navigator.Fetch(t.Context(), r)
		end <- err
	}()
	return end
}
