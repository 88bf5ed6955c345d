// Package conformance holds the sender to the letter of the standards. The suite is
// JavaScript, written from the standards' texts; it runs as it is in a real Chromium and in
// this project's own page, on the same servers, and docs/conformance.md is the table of what
// each does. navigator_test.go has the rules once more, of Go's types and of a Page without
// JavaScript.
package conformance

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	update = flag.Bool("update", false, "write docs/conformance.md anew")
	only   = flag.String("rules", "", "run the rules whose theme, colon, space and name match, and leave docs/conformance.md alone")
)

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

// ours is the name of this project's engine. Nobody has to explain what it does differently:
// it must not.
const ours = "page"

// engines are those that the suite runs in.
func engines(t *testing.T, s *sites) []engine {
	return []engine{startChromium(t, s), startPage(t, s)}
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
	if *only != "" {
		return
	}

	const path = "../../docs/conformance.md"
	page := table(groups, seen)
	if *update && !t.Failed() {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != page {
		t.Errorf("docs/conformance.md is not what was found (%v): run go test ./test/conformance -update and look at the difference", err)
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
	chosen := regexp.MustCompile(*only)
	var visits []*visit
	for i, g := range groups {
		open := false
		for j, r := range g.Rules {
			v := &visit{token: strconv.Itoa(len(visits)), answers: r.Answers}
			visits = append(visits, v)
			if !chosen.MatchString(g.Theme + ": " + r.Name) {
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
			if o["missing"] != nil {
				wait = 0
			} else if e.name() != ours && r.Differs[e.name()] != "" {
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
