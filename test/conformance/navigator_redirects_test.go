package conformance

import (
	"fmt"
	"maps"
	"net/http"

	"github.com/seed-d051cf5a/beacon"
)

const (
	redirectSection = `Fetch, "HTTP-redirect fetch"`
	taintSection    = `Fetch, "redirect-taint"`
)

var asJSON = beacon.JSON(struct{}{})

// along returns answers with a 307 from each place to the next. The last place answers with a.
func along(a answer, places ...string) map[string]answer {
	answers := map[string]answer{}
	for i, place := range places {
		hop := a
		if i+1 < len(places) {
			hop.Status, hop.Location = 307, places[i+1]
		}
		answers[place] = hop
	}
	return answers
}

// hops returns a rule for a chain of redirects: places, each with the Origin that it gets.
func hops(name string, origins ...string) goRule {
	r := goRule{name: name, section: taintSection}
	var all []string
	for i := 0; i < len(origins); i += 2 {
		all = append(all, origins[i])
		r.requests = append(r.requests, fieldsOf{"at": origins[i], "method": "POST", "body": "x", "origin": origins[i+1]})
	}
	r.answers = along(answer{}, all...)
	r.run = func(t *trial) { t.beacon(all[0], "x") }
	return r
}

// redirectRules returns the rules for redirects.
func redirectRules() []goRule {
	rules := []goRule{
		hops("From the page's origin to another: Origin stays", "{page}/1", "{page}", "{other}/2", "{page}"),
		hops("Within another origin: Origin stays", "{other}/1", "{page}", "{other}/2", "{page}"),
		hops("From another origin to a third: Origin is null", "{other}/1", "{page}", "{port}/2", "null"),
		hops("From another origin back: Origin is null", "{other}/1", "{page}", "{page}/2", "null"),
		hops("Another port is another origin", "{port}/1", "{page}", "{page}/2", "null"),
		hops("A tainted request stays tainted", "{other}/1", "{page}", "{page}/2", "null", "{page}/3", "null"),
		hops("To another origin, back, and to another origin again", "{page}/1", "{page}", "{other}/2", "{page}", "{page}/3", "null", "{other}/4", "null"),
		{
			name: "In cors the preflight of a tainted request has Origin null", section: taintSection,
			answers: along(answer{Allow: true}, "{other}/1", "{port}/2"),
			run:     func(t *trial) { t.beacon("{other}/1", asJSON) },
			requests: []fieldsOf{
				{"method": "OPTIONS", "at": "{other}/1", "origin": "{page}"}, {"method": "POST", "at": "{other}/1", "origin": "{page}"},
				{"method": "OPTIONS", "at": "{port}/2", "origin": "null"}, {"method": "POST", "at": "{port}/2", "origin": "null", "body": "{}"},
			},
		},
		{
			name: "A redirect to another origin has a preflight", section: redirectSection,
			answers:  along(answer{Allow: true}, "{page}/1", "{other}/2"),
			run:      func(t *trial) { t.beacon("{page}/1", asJSON) },
			requests: []fieldsOf{{"method": "POST", "at": "{page}/1"}, {"method": "OPTIONS", "at": "{other}/2", "origin": "{page}"}, {"method": "POST", "at": "{other}/2", "body": "{}"}},
		},
		{
			name: "In cors a redirect from another origin must pass the CORS check", section: `Fetch, "HTTP fetch"`, refused: 1,
			answers:  map[string]answer{"{other}/1": {Status: 307, Location: "{other}/2", Preflight: &answer{Allow: true}}, "{other}/2": {Allow: true}},
			run:      func(t *trial) { t.beacon("{other}/1", asJSON) },
			requests: []fieldsOf{{"method": "OPTIONS"}, {"method": "POST", "at": "{other}/1"}},
		},
		{
			name: "In cors a redirect to another origin with credentials in the URL is an error", section: redirectSection, refused: 1,
			answers:  map[string]answer{"{page}/1": {Status: 307, Location: "{other@}/2"}, "{other}/2": {Allow: true}},
			run:      func(t *trial) { t.beacon("{page}/1", asJSON) },
			requests: []fieldsOf{{"at": "{page}/1"}},
		},
		{
			name: "In no-cors credentials in a redirect's URL are not sent", section: redirectSection,
			answers:  map[string]answer{"{page}/1": {Status: 307, Location: "{other@}/2"}},
			run:      func(t *trial) { t.beacon("{page}/1", "x") },
			requests: []fieldsOf{{"at": "{page}/1"}, {"at": "{other}/2", "authorization": nil}},
		},
		{
			name: "Authorization stays within the origin", section: redirectSection,
			answers: along(answer{}, "{page}/1", "{page}/2", "{other}/3"),
			run: func(t *trial) {
				t.navigator.Header = http.Header{"Authorization": {"Bearer x"}, "X-Key": {"k"}}
				t.beacon("{page}/1", "x")
			},
			requests: []fieldsOf{
				{"authorization": "Bearer x", "x-key": "k"}, {"at": "{page}/2", "authorization": "Bearer x", "x-key": "k"},
				{"at": "{other}/3", "authorization": nil, "x-key": nil},
			},
		},
		{
			name: "A request that became GET stays GET", section: redirectSection, refused: 1, // its body does not arrive
			answers:  map[string]answer{"{page}/1": {Status: 302, Location: "{page}/2"}, "{page}/2": {Status: 307, Location: "{page}/3"}},
			run:      func(t *trial) { t.beacon("{page}/1", "x") },
			requests: []fieldsOf{{"method": "POST"}, {"method": "GET", "at": "{page}/2"}, {"method": "GET", "at": "{page}/3", "size": 0}},
		},
		{
			name: "307 without a Location is an answer", section: `Fetch, "location URL"`, refused: 1,
			answers:  map[string]answer{"{page}/beacon": {Status: 307}},
			requests: []fieldsOf{{"at": "{page}/beacon"}},
		},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, site := range []string{"{page}", "{other}"} {
			first := fieldsOf{"at": "{page}/1", "method": "POST", "body": "x", "content-type": "text/plain;charset=UTF-8", "content-length": "1", "origin": "{page}"}
			r := goRule{
				name: fmt.Sprintf("%d to %s keeps method and body", status, site), section: redirectSection,
				answers: map[string]answer{"{page}/1": {Status: status, Location: site + "/2"}},
				run:     func(t *trial) { t.beacon("{page}/1", "x") },
			}
			second := maps.Clone(first)
			if status < 304 {
				r.name = fmt.Sprintf("%d to %s becomes GET, without a body", status, site)
				r.refused = 1 // the body does not arrive
				second = fieldsOf{"method": "GET", "body": "", "content-type": nil, "content-length": nil, "origin": nil}
			}
			second["at"] = site + "/2"
			r.requests = []fieldsOf{first, second}
			rules = append(rules, r)
		}
	}
	for _, status := range []int{300, 304, 305, 306} {
		rules = append(rules, goRule{
			name: fmt.Sprint(status, " is not a redirect"), section: `Fetch, "redirect status"`, refused: 1,
			answers:  map[string]answer{"{page}/beacon": {Status: status, Location: "{page}/2"}},
			requests: []fieldsOf{{"at": "{page}/beacon"}},
		})
	}
	for redirects, refused := range map[int]int{20: 0, 21: 1} {
		all := places("{page}", redirects+1)
		r := goRule{
			name: fmt.Sprint(redirects, " redirects"), section: redirectSection, refused: refused,
			answers: along(answer{}, all...),
			run:     func(t *trial) { t.beacon("{page}/0", "x") },
		}
		for _, place := range all[:21] {
			r.requests = append(r.requests, fieldsOf{"at": place, "method": "POST", "body": "x"})
		}
		rules = append(rules, r)
	}
	for what, location := range map[string]string{
		"an invalid URL": "http://[", "data:": "data:,x", "ftp:": "ftp://localhost/", "a bad port": "{badport}/2", "mixed content": "{insecure}/2",
	} {
		rules = append(rules, goRule{
			name: "A redirect to " + what + " is an error", section: redirectSection, refused: 1,
			answers:  map[string]answer{"{page}/beacon": {Status: 307, Location: location}},
			requests: []fieldsOf{{"at": "{page}/beacon"}},
		})
	}
	return rules
}
