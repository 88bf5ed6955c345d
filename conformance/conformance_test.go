// Package conformance holds the sender to the letter of the standards. The suite is
// JavaScript, written from the standards' texts; it runs as it is in a real Chromium and in
// this project's own page, on the same servers, and docs/conformance.md is the table of what
// each does.
package conformance

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/conformance.md anew")

// patience is how long the tests wait for what should come in a moment.
const patience = 5 * time.Second

// settling is how long nothing more must come at the end, from a page that is done.
const settling = 1500 * time.Millisecond

// A group is the rules that share a page's settings; suite/harness.js says what the fields
// of a rule are.
type group struct {
	Theme string
	Page  pageSettings
	Rules []rule
}

type rule struct {
	Name, Section string
	Expect        map[string]any
	Answers       map[string]answer
	Note          string
	Differs       map[string]string
	Unordered     bool
	Leave         string
}

// An engine runs the suite's scripts in a page.
type engine interface {
	name() string
	// open leaves the page that is there, if one is, for that of a URL.
	open(url string)
	// evaluate runs JavaScript in the page, and returns the string that it, or the promise
	// that it is, comes to.
	evaluate(js string) (string, error)
	// close closes the page as its user does.
	close()
}

// engines are those that the suite runs in. This project's page is to be the second: an
// engine that runs the scripts of suiteFiles in the page of sites.set's URL and settings,
// with sites.roots as its TLS roots.
func engines(t *testing.T, s *sites) []engine {
	return []engine{startChromium(t, s)}
}

func TestConformance(t *testing.T) {
	s := startSites(t)
	var groups []group
	seen := map[string][]observation{} // by engine, in the order of the rules
	for _, e := range engines(t, s) {
		if groups == nil {
			groups = describe(t, s, e)
		}
		seen[e.name()] = runIn(t, s, e, groups)
	}
	check(t, groups, seen)

	const path = "../docs/conformance.md"
	page := table(groups, seen)
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != page {
		t.Errorf("docs/conformance.md is not what was found (%v): run go test ./conformance -update and look at the difference", err)
	}
}

// describe asks the page what the suite's rules are.
func describe(t *testing.T, s *sites, e engine) (groups []group) {
	e.open(s.set(pageSettings{}))
	text, err := e.evaluate("suite.describe()")
	if err == nil {
		err = json.Unmarshal([]byte(text), &groups)
	}
	if err != nil {
		t.Fatalf("%s: describe the suite: %v", e.name(), err)
	}
	return groups
}

// An observation is what became of a rule: what its run returned, and the requests, all
// of whose fields are there.
type observation map[string]any

func (o observation) requests() []any {
	requests, _ := o["requests"].([]any)
	return requests
}

// runIn runs the groups in an engine.
func runIn(t *testing.T, s *sites, e engine, groups []group) (seen []observation) {
	only := regexp.MustCompile(os.Getenv("BEACON_RULES"))
	var visits []*visit
	for i, g := range groups {
		open := false
		for j, r := range g.Rules {
			v := &visit{token: strconv.Itoa(len(visits)), answers: r.Answers}
			visits = append(visits, v)
			if !only.MatchString(g.Theme + ": " + r.Name) {
				seen = append(seen, nil)
				continue
			}
			s.collector.begin(v)
			if !open || g.Page.Fresh {
				for _, site := range []string{"page", "other"} {
					if len(g.Page.Cookies) > 0 {
						e.open(s.cookieURL(site, g.Page.Cookies))
					}
				}
				e.open(s.set(g.Page))
				open = true
			}
			text, err := e.evaluate("suite.run(" + strconv.Itoa(i) + ", " + strconv.Itoa(j) + ", '" + v.token + "')")
			o := observation{}
			if err == nil {
				err = json.Unmarshal([]byte(s.unname(text, v)), &o)
			}
			if err != nil {
				t.Fatalf("%s: %s: %v", e.name(), r.Name, err)
			}
			switch r.Leave {
			case "navigate":
				e.open(s.origins["page"] + "/control/blank")
			case "close":
				e.close()
			}
			wait := patience
			if r.Differs[e.name()] != "" {
				wait = time.Second // it may be that less comes than is expected
			}
			s.collector.await(v, expectedRequests(r), wait)
			seen = append(seen, o)
		}
	}
	time.Sleep(settling)
	for i, v := range visits {
		if seen[i] != nil {
			seen[i]["requests"] = plain(s.collector.seen(v))
		}
	}
	return seen
}

// unname puts names for the origins in what a page returned.
func (s *sites) unname(text string, v *visit) string {
	return strings.ReplaceAll(s.names.Replace(text), "/c/"+v.token+"/", "/")
}

// expectedRequests is how many requests a rule is about.
func expectedRequests(r rule) int {
	switch requests := r.Expect["requests"].(type) {
	case []any:
		return len(requests)
	case float64:
		return int(requests)
	}
	return 0
}

// plain is a value as JSON has it.
func plain(v any) (p any) {
	text, _ := json.Marshal(v)
	json.Unmarshal(text, &p)
	return p
}

// differences is what of an observation is not as expected, by its key: both as far as the
// rule is about them.
func differences(r rule, o observation) (want, got map[string]any) {
	want, got = map[string]any{}, map[string]any{}
	for key, w := range r.Expect {
		g := o[key]
		if key == "requests" {
			w, g = comparable(r, w, o.requests())
		}
		if !reflect.DeepEqual(w, g) {
			want[key], got[key] = w, g
		}
	}
	if thrown := o["throws"]; thrown != nil && r.Expect["throws"] == nil {
		got["throws"] = thrown
	}
	return want, got
}

// comparable has of the requests that came the fields that the rule is about; of those that
// were not expected, the method and the place.
func comparable(r rule, expected any, came []any) (want, got any) {
	list, ok := expected.([]any)
	if !ok {
		return expected, float64(len(came))
	}
	if r.Unordered {
		list, came = byPlace(list), byPlace(came)
	}
	fields := []any{}
	for i, request := range came {
		about := map[string]any{"method": nil, "at": nil}
		if i < len(list) {
			about = list[i].(map[string]any)
		}
		field := map[string]any{}
		for name := range about {
			field[name] = request.(map[string]any)[name]
		}
		fields = append(fields, field)
	}
	return list, fields
}

func byPlace(requests []any) []any {
	key := func(request any) string {
		fields := request.(map[string]any)
		at, _ := fields["at"].(string)
		method, _ := fields["method"].(string)
		return at + " " + method
	}
	sorted := slices.Clone(requests)
	slices.SortStableFunc(sorted, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	return sorted
}

// check fails where an engine differs from the standard and nobody says why, or where
// somebody says why and it does not.
func check(t *testing.T, groups []group, seen map[string][]observation) {
	for name, observations := range seen {
		i := 0
		for _, g := range groups {
			for _, r := range g.Rules {
				o := observations[i]
				i++
				if o == nil {
					continue
				}
				want, got := differences(r, o)
				switch explained := r.Differs[name] != ""; {
				case len(got) > 0 && !explained:
					t.Errorf("%s: %s: %s\nwant %s\ngot  %s", name, g.Theme, r.Name, jsonOf(want), jsonOf(got))
				case len(got) == 0 && explained:
					t.Errorf("%s: %s: %s: it is as the standard says now: the explanation can go", name, g.Theme, r.Name)
				}
			}
		}
	}
}

func jsonOf(v any) string {
	text, _ := json.Marshal(v)
	if len(text) > 2000 {
		text = append(text[:2000], "…"...)
	}
	return string(text)
}
