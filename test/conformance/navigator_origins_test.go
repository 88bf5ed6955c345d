package conformance

import (
	"fmt"

	"github.com/seed-d051cf5a/beacon/navigator"
)

const (
	referrerSection   = `Referrer Policy, "Determine request's Referrer"`
	onRedirectSection = `Referrer Policy, "Set request's referrer policy on redirect"`
	originSection     = `Fetch, "append a request Origin header"`
	metadataSection   = `Fetch Metadata, "append the Fetch metadata headers for a request"`
)

// thePage is the page's URL as a referrer.
const thePage = "{page}/doc?query"

// originRules returns the rules for Origin and Sec-Fetch-Site.
func originRules() []goRule {
	rules := []goRule{
		{
			name: "After a redirect from another site back, Sec-Fetch-Site is cross-site", section: metadataSection,
			answers: along(answer{}, "{page}/1", "{other}/2", "{page}/3"),
			run:     func(t *trial) { t.beacon("{page}/1", "x") },
			requests: []fieldsOf{
				{"sec-fetch-site": "same-origin"}, {"at": "{other}/2", "sec-fetch-site": "cross-site"}, {"at": "{page}/3", "sec-fetch-site": "cross-site"},
			},
		},
		{
			name: "An http URL that is not trustworthy gets no fetch metadata", section: metadataSection, page: pageSettings{Site: "insecure"},
			run: func(t *trial) { t.beacon("{insecure}/beacon", "x") },
			requests: []fieldsOf{
				{"origin": "{insecure}", "referer": "{insecure}/doc?query", "sec-fetch-site": nil, "sec-fetch-mode": nil, "sec-fetch-dest": nil},
			},
		},
		{
			name: "A preflight has mode cors", section: metadataSection,
			answers:  map[string]answer{"{other}/beacon": {Allow: true}},
			run:      func(t *trial) { t.beacon("{other}/beacon", asJSON) },
			requests: []fieldsOf{{"method": "OPTIONS", "sec-fetch-mode": "cors", "sec-fetch-site": "cross-site", "sec-fetch-dest": "empty"}, {"method": "POST", "sec-fetch-mode": "cors"}},
		},
		{
			name: "An opaque origin is null, and has no referrer", section: originSection,
			run: func(t *trial) {
				t.navigator.Page.Origin = "null"
				t.beacon("{page}/beacon", "x")
			},
			requests: []fieldsOf{{"origin": "null", "referer": nil, "sec-fetch-site": "cross-site"}},
		},
		{
			name: "A page without a URL has an opaque origin", section: originSection,
			run: func(t *trial) {
				t.navigator.Page.URL = ""
				t.beacon("{page}/beacon", "x")
			},
			requests: []fieldsOf{{"origin": "null", "referer": nil, "sec-fetch-site": "cross-site"}},
		},
	}
	for _, c := range []struct{ place, referer, origin, site string }{
		{"{page}/beacon", thePage, "{page}", "same-origin"},
		{"{port}/beacon", "{page}/", "{page}", "same-site"},
		{"{other}/beacon", "{page}/", "{page}", "cross-site"},
		{"{plain}/beacon", "{page}/", "null", "cross-site"},
	} {
		rules = append(rules, one("To "+c.place, metadataSection, c.place, "x", fieldsOf{
			"at": c.place, "method": "POST", "referer": c.referer, "origin": c.origin, "accept": "*/*",
			"sec-fetch-site": c.site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "empty", "sec-fetch-user": nil, "access-control-request-method": nil,
		}))
	}
	return append(rules, one("To the own origin JSON goes in mode cors without a preflight", processingSection, "{page}/beacon", asJSON, fieldsOf{
		"method": "POST", "referer": thePage, "origin": "{page}", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "content-type": "application/json",
	}))
}

// referrerRules returns the rules for the eight policies, for the policies of redirects, and for the referrer.
func referrerRules() (rules []goRule) {
	// Each policy has a Referer and an Origin for each of these places. {plain} is potentially trustworthy, so for
	// Referer it does not count as a downgrade. For Origin the scheme counts.
	to := []string{"{page}/beacon", "{port}/beacon", "{other}/beacon", "{plain}/beacon"}
	for policy, want := range map[string][4][2]any{
		"no-referrer":                     {{nil, "null"}, {nil, "null"}, {nil, "null"}, {nil, "null"}},
		"no-referrer-when-downgrade":      {{thePage, "{page}"}, {thePage, "{page}"}, {thePage, "{page}"}, {thePage, "null"}},
		"same-origin":                     {{thePage, "{page}"}, {nil, "null"}, {nil, "null"}, {nil, "null"}},
		"origin":                          {{"{page}/", "{page}"}, {"{page}/", "{page}"}, {"{page}/", "{page}"}, {"{page}/", "{page}"}},
		"strict-origin":                   {{"{page}/", "{page}"}, {"{page}/", "{page}"}, {"{page}/", "{page}"}, {"{page}/", "null"}},
		"origin-when-cross-origin":        {{thePage, "{page}"}, {"{page}/", "{page}"}, {"{page}/", "{page}"}, {"{page}/", "{page}"}},
		"strict-origin-when-cross-origin": {{thePage, "{page}"}, {"{page}/", "{page}"}, {"{page}/", "{page}"}, {"{page}/", "null"}},
		"unsafe-url":                      {{thePage, "{page}"}, {thePage, "{page}"}, {thePage, "{page}"}, {thePage, "{page}"}},
	} {
		for i, place := range to {
			rules = append(rules, goRule{
				name: policy + ", to " + place, section: referrerSection, page: pageSettings{Policy: policy},
				run:      func(t *trial) { t.beacon(place, "x") },
				requests: []fieldsOf{{"at": place, "referer": want[i][0], "origin": want[i][1]}},
			})
		}
		rules = append(rules, goRule{
			name: policy + ", in cors: Origin is always there", section: originSection, page: pageSettings{Policy: policy},
			answers:  map[string]answer{"{other}/beacon": {Allow: true}},
			run:      func(t *trial) { t.beacon("{other}/beacon", asJSON) },
			requests: []fieldsOf{{"method": "OPTIONS", "referer": want[2][0], "origin": "{page}"}, {"method": "POST", "referer": want[2][0], "origin": "{page}"}},
		})
	}
	for _, c := range []struct {
		policy, place   string
		referer, origin any
	}{
		{"no-referrer", "{page}/2", nil, "null"},
		{"unsafe-url", "{other}/2", thePage, "{page}"},
		{"origin", "{page}/2", "{page}/", "{page}"},
		{"same-origin", "{other}/2", nil, "null"},
		{"never", "{other}/2", "{page}/", "{page}"},
		{"no-referrer, unsafe-url, never", "{other}/2", thePage, "{page}"},
	} {
		rules = append(rules, goRule{
			name: "The policy of a redirect applies to the next hop: " + c.policy, section: onRedirectSection,
			answers:  map[string]answer{"{page}/1": {Status: 307, Location: c.place, Headers: map[string]string{"Referrer-Policy": c.policy}}},
			run:      func(t *trial) { t.beacon("{page}/1", "x") },
			requests: []fieldsOf{{"referer": thePage, "origin": "{page}"}, {"at": c.place, "referer": c.referer, "origin": c.origin}},
		})
	}
	for length, referer := range map[int]any{4096: float64(4096), 4097: nil} {
		r := goRule{
			name: fmt.Sprint("A referrer of ", length, " characters"), section: referrerSection, page: pageSettings{Length: length, Policy: "unsafe-url"},
			requests: []fieldsOf{{"referer length": referer}},
		}
		if referer == nil {
			r.requests = []fieldsOf{{"referer": "{page}/"}}
		}
		rules = append(rules, r)
	}
	return append(rules, goRule{
		name: "A referrer has no credentials and no fragment", section: `Referrer Policy, "Strip url for use as a referrer"`,
		run: func(t *trial) {
			t.navigator.Page.URL = t.url("{page@}/doc?query#fragment")
			t.beacon("{page}/beacon", "x")
		},
		requests: []fieldsOf{{"referer": thePage, "origin": "{page}"}},
	}, goRule{
		name: "Move changes the referrer, and not the origin", section: referrerSection,
		run: func(t *trial) {
			t.beacon("{page}/1", "x")
			t.flush()
			t.navigator.Page.Move(t.url("{page}/moved?x#y"), "")
			t.beacon("{page}/2", "x")
		},
		requests: []fieldsOf{{"referer": thePage}, {"referer": "{page}/moved?x", "origin": "{page}"}},
	}, goRule{
		name: "An unknown policy is ignored", section: referrerSection, page: pageSettings{Policy: "origin, never"},
		run: func(t *trial) {
			t.beacon("{page}/1", "x")
			t.flush()
			t.turnTo(&navigator.Page{URL: t.navigator.Page.URL, ReferrerPolicy: "never"})
			t.beacon("{page}/2", "x")
		},
		requests: []fieldsOf{{"referer": "{page}/"}, {"at": "{page}/2", "referer": thePage}},
	})
}
