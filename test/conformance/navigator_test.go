package conformance

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/navigator"
)

// A goRule is a rule for a navigator.Navigator. It is written like the rules of the suite.
type goRule struct {
	name, section string
	page          pageSettings
	answers       map[string]answer
	run           func(t *trial) // default: the beacon "x" to {page}/beacon
	requests      []fieldsOf
	unordered     bool
	refused       int // how many of the queued beacons are refused
}

// fieldsOf has the fields of a request that a rule checks. nil means that the request lacks the header.
type fieldsOf map[string]any

// TestNavigator_EachRule_FollowsTheStandards checks navigator.Navigator, without JavaScript.
func TestNavigator_EachRule_FollowsTheStandards(t *testing.T) {
	s := startSites(t)
	t.Setenv("HTTP_PROXY", s.origins["plain"]) // insecure.test has no address
	for i, theme := range []struct {
		name  string
		rules []goRule
	}{
		{"Quota", quotaRules()},
		{"Data", dataRules()},
		{"URLs", urlRules()},
		{"Origins", originRules()},
		{"Referrer and Origin", referrerRules()},
		{"Redirects", redirectRules()},
		{"Preflight", preflightRules()},
		{"Policies", policyRules()},
		{"Cookies", cookieRules()},
		{"Intercept", interceptRules()},
		{"Answers", answerRules()},
	} {
		for j, r := range theme.rules {
			t.Run(theme.name+": "+r.name, func(t *testing.T) {
				t.Parallel()
				r.check(t, s, fmt.Sprintf("go-%d-%d", i, j))
			})
		}
	}
}

func (r goRule) check(test *testing.T, s *sites, token string) {
	t := newTrial(test, s, r, token)
	if r.run == nil {
		r.run = func(t *trial) { t.beacon("{page}/beacon", "x") }
	}
	r.run(t)
	s.collector.await(t.visit, len(r.requests), patience)
	t.flush()
	status, refused := t.status(), int64(r.refused)
	if status.Accepted != t.queued || status.Refused != refused || status.Delivered != t.queued-refused {
		t.Errorf("%s: got %d accepted, %d refused and %d delivered; want %d, %d and %d", r.section,
			status.Accepted, status.Refused, status.Delivered, t.queued, refused, t.queued-refused)
	}
	var came []any
	text, _ := json.Marshal(s.collector.seen(t.visit))
	json.Unmarshal([]byte(s.unname(string(text), t.visit)), &came)
	want, got := comparable(rule{Unordered: r.unordered}, plain(append([]fieldsOf{}, r.requests...)), came)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s\nwant %s\ngot  %s", r.section, jsonOf(want), jsonOf(got))
	}
}

// A trial is one run of a rule, with a page of its own.
type trial struct {
	*testing.T
	sites     *sites
	visit     *visit
	navigator *navigator.Navigator
	outbox    string
	queued    int64 // how often SendBeacon has returned true
}

func newTrial(t *testing.T, s *sites, r goRule, token string) *trial {
	v := &visit{token: token, answers: r.answers}
	s.collector.begin(v)
	page := &navigator.Page{URL: s.set(r.page), ReferrerPolicy: r.page.Policy, Jar: navigator.NewJar()}
	for _, value := range r.page.CSP {
		page.ContentSecurityPolicy = append(page.ContentSecurityPolicy, s.urls("").Replace(value))
	}
	outbox := filepath.Join(t.TempDir(), "outbox")
	agent := navigator.NewAgent(navigator.Config{Dir: outbox, TLS: &tls.Config{RootCAs: s.roots}})
	t.Cleanup(func() { agent.Close() })
	for _, site := range []string{"page", "other"} {
		if len(r.page.Cookies) == 0 {
			break
		}
		at := s.cookieURL(site, r.page.Cookies)
		visitor := navigator.Navigator{Agent: agent, Page: &navigator.Page{URL: at, Jar: page.Jar}}
		if _, err := visitor.Fetch(t.Context(), &navigator.Request{URL: at}); err != nil {
			t.Fatal(err)
		}
	}
	return &trial{T: t, sites: s, visit: v, outbox: outbox, navigator: &navigator.Navigator{Agent: agent, Page: page}}
}

// turnTo replaces the navigator by one of another page.
func (t *trial) turnTo(page *navigator.Page) {
	t.navigator = &navigator.Navigator{Agent: t.navigator.Agent, Page: page}
}

// url returns the URL of a place for this run.
func (t *trial) url(place string) string { return t.sites.urls(t.visit.token).Replace(place) }

// send calls SendBeacon. A TypeError fails the test.
func (t *trial) send(place string, data any) bool {
	t.Helper()
	ok, err := t.navigator.SendBeacon(t.url(place), data)
	if err != nil {
		t.Errorf("%s: %v", place, err)
	}
	if ok {
		t.queued++
	}
	return ok
}

// beacon sends a beacon that must be queued.
func (t *trial) beacon(place string, data any) {
	t.Helper()
	if !t.send(place, data) {
		t.Errorf("%s: got false, want true", place)
	}
}

// noRoom sends a body that must not fit into the quota.
func (t *trial) noRoom(bytes int) {
	t.Helper()
	if t.send("{page}/over", make([]byte, bytes)) {
		t.Errorf("%d bytes: got true, want false: they are over the quota", bytes)
	}
}

// room sends a body to {page}/room as soon as it fits into the quota.
func (t *trial) room(bytes int) {
	t.Helper()
	for deadline := time.Now().Add(patience); !t.send("{page}/room", make([]byte, bytes)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes: got false for %v, want true: the quota was not released", bytes, patience)
		}
	}
}

// typeError sends a beacon that must be a TypeError.
func (t *trial) typeError(url string, data any) {
	t.Helper()
	var e *beacon.TypeError
	if ok, err := t.navigator.SendBeacon(url, data); ok || !errors.As(err, &e) {
		t.Errorf("%.60s, %T: got %v, %v; want false, a TypeError", url, data, ok, err)
	}
}

// arrived waits for a request to a place, and returns its fields.
func (t *trial) arrived(place string) map[string]any {
	t.Helper()
	r := t.sites.collector.arrived(t.visit, place, "", false, patience)
	if r == nil {
		t.Fatalf("%s: got no request in %v, want one", place, patience)
	}
	return r.fields
}

// release has the collector answer the request that it holds at a place.
func (t *trial) release(place string) { t.sites.collector.release(t.visit, place) }

// flush waits until all beacons have an outcome.
func (t *trial) flush() {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := t.navigator.Agent.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// status returns the numbers of the outbox.
func (t *trial) status() beacon.Status {
	t.Helper()
	status, err := beacon.ReadStatus(t.outbox)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // without a queued beacon the outbox is missing
		t.Fatal(err)
	}
	return status
}

// one returns a rule for one beacon to a place.
func one(name, section, place string, data any, requests ...fieldsOf) goRule {
	return goRule{name: name, section: section, run: func(t *trial) { t.beacon(place, data) }, requests: requests}
}

// places returns n places of a site.
func places(site string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s/%d", site, i))
	}
	return all
}
