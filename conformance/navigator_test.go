package conformance

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

// A goRule is a rule as a Go program meets it that has a page: it is written like those of
// the suite, and done with a Navigator.
type goRule struct {
	name, section string
	page          pageSettings
	answers       map[string]answer
	run           func(t *trial) // default: the beacon "x" to {page}/beacon
	requests      []fieldsOf
	unordered     bool
	refused       int // beacons that were queued, and will not be delivered
}

// fieldsOf are those fields of a request that a rule is about; nil is a header that is not
// there.
type fieldsOf map[string]any

// TestNavigator holds Navigator.SendBeacon of a Page to the rules, without JavaScript.
func TestNavigator(t *testing.T) {
	s := startSites(t)
	t.Setenv("HTTP_PROXY", s.origins["plain"]) // insecure.test is nowhere
	dir, err := os.MkdirTemp("", "beacon-conformance-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) // whose deliverers may be looking at it
	boxes := &outboxes{dir: dir}
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
				outbox := boxes.take()
				r.check(t, s, fmt.Sprintf("go-%d-%d", i, j), outbox)
				if !t.Failed() {
					boxes.give(outbox)
				}
			})
		}
	}
}

func (r goRule) check(test *testing.T, s *sites, token, outbox string) {
	t := newTrial(test, s, r, token, outbox)
	before := t.status()
	if r.run == nil {
		r.run = func(t *trial) { t.beacon("{page}/beacon", "x") }
	}
	r.run(t)
	s.collector.await(t.visit, len(r.requests), patience)
	t.flush()
	after, refused := t.status(), int64(r.refused)
	if after.Accepted-before.Accepted != t.queued || after.Refused-before.Refused != refused || after.Delivered-before.Delivered != t.queued-refused {
		t.Errorf("%s: of %d that were queued %d should have been refused and the rest delivered: %+v, and before %+v", r.section, t.queued, r.refused, after, before)
	}
	var came []any
	text, _ := json.Marshal(s.collector.seen(t.visit))
	json.Unmarshal([]byte(s.unname(string(text), t.visit)), &came)
	want, got := comparable(rule{Unordered: r.unordered}, plain(append([]fieldsOf{}, r.requests...)), came)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s\nwant %s\ngot  %s", r.section, jsonOf(want), jsonOf(got))
	}
}

// outboxes are those that no rule has at the moment. A page's outbox has a deliverer as long as
// the process lives, so a rule takes one that another is done with.
type outboxes struct {
	dir  string
	mu   sync.Mutex
	free []string
	made int
}

func (o *outboxes) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last := len(o.free) - 1; last >= 0 {
		dir := o.free[last]
		o.free = o.free[:last]
		return dir
	}
	o.made++
	return filepath.Join(o.dir, strconv.Itoa(o.made))
}

func (o *outboxes) give(dir string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.free = append(o.free, dir)
}

// A trial is one run of a rule, with a page of its own.
type trial struct {
	*testing.T
	sites     *sites
	visit     *visit
	navigator *beacon.Navigator
	queued    int64 // beacons of which true was returned
}

func newTrial(t *testing.T, s *sites, r goRule, token, outbox string) *trial {
	v := &visit{token: token, answers: r.answers}
	s.collector.begin(v)
	page := &beacon.Page{URL: s.set(r.page), ReferrerPolicy: r.page.Policy, Jar: beacon.NewJar()}
	for _, value := range r.page.CSP {
		page.ContentSecurityPolicy = append(page.ContentSecurityPolicy, s.urls("").Replace(value))
	}
	config := &beacon.Config{Outbox: outbox, TLS: &tls.Config{RootCAs: s.roots}}
	for _, site := range []string{"page", "other"} {
		if len(r.page.Cookies) == 0 {
			break
		}
		at := s.cookieURL(site, r.page.Cookies)
		visitor := beacon.Navigator{Config: config, Page: &beacon.Page{URL: at, Jar: page.Jar}}
		if _, err := visitor.Fetch(t.Context(), &beacon.Request{URL: at}); err != nil {
			t.Fatal(err)
		}
	}
	return &trial{T: t, sites: s, visit: v, navigator: &beacon.Navigator{Config: config, Page: page}}
}

// turnTo has a navigator of its own send from now on, of that page.
func (t *trial) turnTo(page *beacon.Page) {
	t.navigator = &beacon.Navigator{Config: t.navigator.Config, Page: page}
}

// url is that of a place, of this run only.
func (t *trial) url(place string) string { return t.sites.urls(t.visit.token).Replace(place) }

// send is SendBeacon of what is no TypeError.
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

// beacon sends what has to be queued.
func (t *trial) beacon(place string, data any) {
	t.Helper()
	if !t.send(place, data) {
		t.Errorf("%s: false", place)
	}
}

// noRoom sends what the quota has no room for.
func (t *trial) noRoom(bytes int) {
	t.Helper()
	if t.send("{page}/over", make([]byte, bytes)) {
		t.Errorf("%d bytes: true, and there is no room for them", bytes)
	}
}

// room sends that many bytes to {page}/room, as soon as there is room for them.
func (t *trial) room(bytes int) {
	t.Helper()
	for deadline := time.Now().Add(patience); !t.send("{page}/room", make([]byte, bytes)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no room for %d bytes: they did not come back", bytes)
		}
	}
}

// typeError sends what is one.
func (t *trial) typeError(url string, data any) {
	t.Helper()
	var e *beacon.TypeError
	if ok, err := t.navigator.SendBeacon(url, data); ok || !errors.As(err, &e) {
		t.Errorf("%.60s, %T: %v, %v, and not a TypeError", url, data, ok, err)
	}
}

// arrived waits until a request for the place is there, and returns its fields.
func (t *trial) arrived(place string) map[string]any {
	t.Helper()
	r := t.sites.collector.arrived(t.visit, place, "", false, patience)
	if r == nil {
		t.Fatalf("nothing came to %s", place)
	}
	return r.fields
}

// release lets the collector answer what it holds at the place.
func (t *trial) release(place string) { t.sites.collector.release(t.visit, place) }

// flush waits until all that was sent has an outcome.
func (t *trial) flush() {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := beacon.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// status is what became of the beacons of the page.
func (t *trial) status() beacon.Status {
	t.Helper()
	pages := beacon.Config{Outbox: filepath.Join(t.navigator.Config.Outbox, "pages", "0")}
	status, err := pages.Status()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // nothing was ever queued
		t.Fatal(err)
	}
	return status
}

// one is a rule about one beacon to a place.
func one(name, section, place string, data any, requests ...fieldsOf) goRule {
	return goRule{name: name, section: section, run: func(t *trial) { t.beacon(place, data) }, requests: requests}
}

// places are as many, counting up.
func places(site string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s/%d", site, i))
	}
	return all
}
