package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/seed-d051cf5a/beacon"
)

const (
	quotaSection      = `Fetch, "HTTP-network-or-cache fetch"`
	processingSection = `Beacon, "Processing Model"`
)

// quotaRules are about the 64 KiB that the page's requests in flight can have together.
func quotaRules() []goRule {
	rules := []goRule{
		{
			name: "65,537 bytes are false", section: quotaSection,
			run: func(t *trial) { t.noRoom(65_537) },
		},
		{
			name: "What is in flight counts, to the byte; no bytes pass when it is full", section: quotaSection,
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
			name: "Each that finishes gives back its own", section: quotaSection,
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
			name: "A fetch with keepalive takes of it", section: quotaSection,
			answers: map[string]answer{"{page}/fetch": {Hold: true}},
			run: func(t *trial) {
				end := t.fetching(&beacon.Request{URL: t.url("{page}/fetch"), Method: "POST", Keepalive: true, Body: make([]byte, 65_535)})
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
			name: "A fetch without keepalive takes nothing of it", section: quotaSection,
			answers: map[string]answer{"{page}/fetch": {Hold: true}},
			run: func(t *trial) {
				end := t.fetching(&beacon.Request{URL: t.url("{page}/fetch"), Method: "POST", Body: make([]byte, 70_000)})
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
			name: "A beacon leaves no room for a fetch with keepalive", section: quotaSection,
			answers: map[string]answer{"{page}/beacon": {Hold: true}},
			run: func(t *trial) {
				t.beacon("{page}/beacon", make([]byte, 65_536))
				_, err := t.navigator.Fetch(t.Context(), &beacon.Request{URL: t.url("{page}/fetch"), Method: "POST", Keepalive: true, Body: []byte("x")})
				if e := (*beacon.TypeError)(nil); !errors.As(err, &e) {
					t.Errorf("%v, and not a TypeError", err)
				}
			},
			requests: []fieldsOf{{"at": "{page}/beacon"}},
		},
		{
			name: "A ping takes four bytes of it", section: `HTML, "Hyperlink auditing"`,
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
			name: "A beacon can leave no room for a ping", section: `HTML, "Hyperlink auditing"`,
			answers: map[string]answer{"{page}/beacon": {Hold: true}},
			run: func(t *trial) {
				t.beacon("{page}/beacon", make([]byte, 65_533))
				if err := t.navigator.Ping(t.Context(), t.url("{page}/to"), t.url("{page}/ping")); err == nil {
					t.Error("it was sent")
				}
			},
			requests: []fieldsOf{{"at": "{page}/beacon"}},
		},
		{
			name: "It is the page's: its navigators share it, other pages don't", section: `Fetch, "Fetch groups"`,
			answers: map[string]answer{"{page}/held": {Hold: true}},
			run: func(t *trial) {
				t.beacon("{page}/held", make([]byte, 65_536))
				t.turnTo(t.navigator.Page)
				t.noRoom(1)
				t.turnTo(&beacon.Page{URL: t.navigator.Page.URL})
				t.beacon("{page}/beacon", make([]byte, 65_536))
			},
			requests:  []fieldsOf{{"at": "{page}/held"}, {"at": "{page}/beacon"}},
			unordered: true,
		},
		{
			name: "Without an answer it comes back, though the beacon is tried again", section: quotaSection,
			run: func(t *trial) {
				_, url, serve := t.nobody()
				t.beacon(url, make([]byte, 65_536))
				t.room(65_536)
				t.arrived("{page}/room")
				serve()
			},
			requests: []fieldsOf{{"at": "{page}/room"}, {"size": 65_536}},
		},
		{
			name: "Failed by Intercept it comes back", section: quotaSection, unordered: true,
			run: func(t *trial) {
				var again atomic.Bool
				t.navigator.Page.Intercept = func(ctx context.Context, r *beacon.Request) (*beacon.Response, error) {
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
	// back is a rule about what ends the beacon of 64 KiB to a place.
	back := func(name, place string, a answer, refused int, requests ...fieldsOf) {
		rules = append(rules, goRule{
			name: name + " it comes back", section: quotaSection, refused: refused, page: pageSettings{CSP: []string{"connect-src 'self' {plain} {badport} {insecure} {other}"}},
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
	back("Answered", "{page}/1", answer{}, 0, to("{page}/1"))
	back("Answered with 404", "{page}/1", answer{Status: 404}, 1, to("{page}/1"))
	back("Answered with 500", "{page}/1", answer{Status: 500}, 1, to("{page}/1"))
	back("Redirected to what is no URL", "{page}/1", answer{Status: 307, Location: "http://["}, 1, to("{page}/1"))
	back("Redirected to what the policy forbids", "{page}/1", answer{Status: 307, Location: "{port}/2"}, 1, to("{page}/1"))
	back("Redirected without its body", "{page}/1", answer{Status: 303, Location: "{page}/get"}, 1,
		to("{page}/1"), fieldsOf{"at": "{page}/get", "method": "GET", "size": 0})
	back("Blocked by the policy", "{port}/1", answer{}, 1)
	back("Blocked as mixed content", "{insecure}/1", answer{}, 1)
	back("Blocked for its port", "{badport}/1", answer{}, 1)
	back("Refused in the preflight", "{other}/1", answer{Preflight: &answer{Status: 403}}, 1, fieldsOf{"at": "{other}/1", "method": "OPTIONS"})
	return rules
}

// fetching fetches, and says when that is done.
func (t *trial) fetching(r *beacon.Request) (end chan error) {
	end = make(chan error, 1)
	go func() {
		_, err := t.navigator.Fetch(t.Context(), r)
		end <- err
	}()
	return end
}
