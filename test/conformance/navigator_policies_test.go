package conformance

import (
	"fmt"
	"time"

	"github.com/seed-d051cf5a/beacon/navigator"
)

const (
	preflightSection = `Fetch, "CORS-preflight fetch"`
	cacheSection     = `Fetch, "CORS-preflight cache"`
	connectSection   = `CSP, "connect-src"`
	cookieSection    = `Fetch, "append a request Cookie header"`
	storeSection     = `Fetch, "parse and store response Set-Cookie headers"`
)

// preflightRules returns the rules for the preflight of JSON to another origin.
func preflightRules() []goRule {
	asked, sent := fieldsOf{"method": "OPTIONS"}, fieldsOf{"method": "POST", "body": "{}"}
	rules := []goRule{
		{
			name: "It requests content-type, and has no body, type and cookies", section: preflightSection,
			page:    pageSettings{Cookies: []cookie{{"other", "none=1; SameSite=None; Secure; Path=/"}}},
			answers: map[string]answer{"{other}/beacon": {Allow: true}},
			run:     func(t *trial) { t.beacon("{other}/beacon", asJSON) },
			requests: []fieldsOf{
				{"method": "OPTIONS", "origin": "{page}", "access-control-request-method": "POST", "access-control-request-headers": "content-type", "content-type": nil, "cookie": nil, "size": 0, "accept": "*/*"},
				{"method": "POST", "origin": "{page}", "content-type": "application/json", "cookie": "none=1", "body": "{}", "access-control-request-method": nil},
			},
		},
		{
			name: "It does not request the navigator's own header", section: preflightSection,
			answers: map[string]answer{"{other}/beacon": {Allow: true}},
			run: func(t *trial) {
				t.navigator.Header = map[string][]string{"X-Key": {"k"}}
				t.beacon("{other}/beacon", asJSON)
			},
			requests: []fieldsOf{{"access-control-request-headers": "content-type", "x-key": nil}, {"x-key": "k"}},
		},
		{
			name: "A POST whose answer the page can't read is delivered", section: `Fetch, "CORS check"`,
			answers:  map[string]answer{"{other}/beacon": {Preflight: &answer{Allow: true}}},
			run:      func(t *trial) { t.beacon("{other}/beacon", asJSON) },
			requests: []fieldsOf{asked, sent},
		},
		{
			name: "It is tried again when the server is down", section: preflightSection,
			run: func(t *trial) {
				at, url, serve := t.down()
				t.sites.collector.answer(t.visit, at, answer{Allow: true})
				t.beacon(url, asJSON)
				serve()
			},
			requests: []fieldsOf{asked, sent},
		},
	}
	// refused adds a rule for an answer to the preflight that does not allow the request.
	refused := func(name string, preflight answer) {
		rules = append(rules, goRule{
			name: name, section: preflightSection, refused: 1,
			answers:  map[string]answer{"{other}/beacon": {Preflight: &preflight}, "{other}/2": {Allow: true}},
			run:      func(t *trial) { t.beacon("{other}/beacon", asJSON) },
			requests: []fieldsOf{{"method": "OPTIONS", "at": "{other}/beacon"}},
		})
	}
	with := func(name, value string) answer { return answer{Allow: true, Headers: map[string]string{name: value}} }
	refused("Refused by the status 403", answer{Allow: true, Status: 403})
	refused("Refused by the status 500", answer{Allow: true, Status: 500})
	refused("Refused without headers", answer{})
	refused("Refused by another origin", with("Access-Control-Allow-Origin", "{port}"))
	refused("Refused by *, as there are credentials", with("Access-Control-Allow-Origin", "*"))
	refused("Refused by null", with("Access-Control-Allow-Origin", "null"))
	refused("Refused by no credentials", with("Access-Control-Allow-Credentials", ""))
	refused("Refused by credentials in another case", with("Access-Control-Allow-Credentials", "True"))
	refused("Refused by no headers", with("Access-Control-Allow-Headers", ""))
	refused("Refused by other headers", with("Access-Control-Allow-Headers", "x-content-type"))
	refused("Refused by * as the header, as there are credentials", with("Access-Control-Allow-Headers", "*"))
	refused("Refused by headers that are not a list", with("Access-Control-Allow-Headers", "content-type, a b"))
	for _, status := range []int{301, 307} {
		refused(fmt.Sprintf("Refused by a redirect with %d", status), answer{Allow: true, Status: status, Location: "{other}/2"})
	}
	allowed := func(name string, preflight answer) {
		rules = append(rules, goRule{
			name: name, section: preflightSection,
			answers:  map[string]answer{"{other}/beacon": {Preflight: &preflight}},
			run:      func(t *trial) { t.beacon("{other}/beacon", asJSON) },
			requests: []fieldsOf{asked, sent},
		})
	}
	allowed("Allowed with the status 200", answer{Allow: true, Status: 200})
	allowed("Allowed with the status 299", answer{Allow: true, Status: 299})
	allowed("Allowed with the header in another case, among others", with("Access-Control-Allow-Headers", "x-a, Content-Type"))
	allowed("Allowed without the method: POST is safelisted", with("Access-Control-Allow-Methods", "PUT"))

	// twice adds a rule for two beacons. The second is sent when the first has its outcome.
	twice := func(name string, preflight map[string]string, second string, pause time.Duration, a answer, requests ...fieldsOf) {
		a.Preflight = &answer{Allow: true, Headers: preflight}
		rules = append(rules, goRule{
			name: name, section: cacheSection,
			answers: map[string]answer{"{other}/beacon": a},
			run: func(t *trial) {
				t.beacon("{other}/beacon", asJSON)
				t.flush()
				time.Sleep(pause)
				t.beacon(second, asJSON)
			},
			requests: requests,
		})
	}
	maxAge := func(value string) map[string]string { return map[string]string{"Access-Control-Max-Age": value} }
	twice("It is cached", maxAge("60"), "{other}/beacon", 0, answer{Allow: true}, asked, sent, sent)
	twice("Without a max-age it is cached for five seconds", nil, "{other}/beacon", 0, answer{Allow: true}, asked, sent, sent)
	twice("With a max-age of 0 it is not cached", maxAge("0"), "{other}/beacon", 0, answer{Allow: true}, asked, sent, asked, sent)
	twice("After its max-age it is not cached", maxAge("1"), "{other}/beacon", 1001*time.Millisecond, answer{Allow: true}, asked, sent, asked, sent)
	twice("It is not cached for another URL", maxAge("60"), "{other}/beacon?2", 0, answer{Allow: true}, asked, sent, fieldsOf{"method": "OPTIONS", "at": "{other}/beacon?2"}, sent)
	twice("It is not cached after a beacon that failed", maxAge("60"), "{other}/beacon", 0, answer{}, asked, sent, asked, sent)
	return rules
}

// policyRules returns the rules for the page's policies, which are checked after SendBeacon has returned true.
func policyRules() []goRule {
	// blocked returns a rule for a beacon that the policy blocks, arrives for one that it does not.
	blocked := func(name, csp, place string) goRule {
		return goRule{
			name: name, section: connectSection, page: pageSettings{CSP: []string{csp}}, refused: 1,
			answers: map[string]answer{place: {Allow: true}},
			run:     func(t *trial) { t.beacon(place, asJSON) },
		}
	}
	arrives := func(name, csp, place string) goRule {
		r := one(name, connectSection, place, "x", fieldsOf{"at": place})
		r.page.CSP = []string{csp}
		return r
	}
	return []goRule{
		blocked("connect-src 'none'", "connect-src 'none'", "{page}/beacon"),
		blocked("connect-src 'self' is not another port", "connect-src 'self'", "{port}/beacon"),
		blocked("connect-src 'self' is not another site, and no preflight leaves", "connect-src 'self'", "{other}/beacon"),
		blocked("default-src applies without connect-src", "default-src 'self'", "{other}/beacon"),
		blocked("Each of two policies must allow it", "connect-src {other}, connect-src 'self'", "{other}/beacon"),
		blocked("A path counts", "connect-src {other}/elsewhere", "{other}/beacon"),
		arrives("connect-src 'self' is the page's origin", "connect-src 'self'", "{page}/beacon"),
		arrives("connect-src overrides default-src", "default-src 'none'; connect-src {other}", "{other}/beacon"),
		arrives("Other directives do not apply", "script-src 'none'; form-action 'none'", "{other}/beacon"),
		{
			name: "The policy applies to redirects", section: connectSection, page: pageSettings{CSP: []string{"connect-src 'self'"}}, refused: 1,
			answers:  along(answer{}, "{page}/1", "{page}/2", "{other}/3"),
			run:      func(t *trial) { t.beacon("{page}/1", "x") },
			requests: []fieldsOf{{"at": "{page}/1"}, {"at": "{page}/2"}},
		},
		{
			name: "After a redirect the path does not count", section: `CSP, "Paths and Redirects"`, page: pageSettings{CSP: []string{"connect-src 'self' {other}/elsewhere"}},
			answers:  along(answer{}, "{page}/1", "{other}/2"),
			run:      func(t *trial) { t.beacon("{page}/1", "x") },
			requests: []fieldsOf{{"at": "{page}/1"}, {"at": "{other}/2"}},
		},
		{
			name: "OnViolation is called with the URL before redirects", section: `CSP, "Report a violation"`, page: pageSettings{CSP: []string{"connect-src 'self'"}}, refused: 1,
			answers: along(answer{}, "{page}/1", "{other}/2"),
			run: func(t *trial) {
				violations := make(chan string, 10)
				t.navigator.Page.OnViolation = func(blocked, directive, policy string) {
					violations <- blocked + " " + directive + " " + policy
				}
				t.beacon("{page}/1#fragment", "x")
				if got, want := <-violations, t.url("{page}/1")+" connect-src connect-src 'self'"; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			},
			requests: []fieldsOf{{"at": "{page}/1"}},
		},
		{
			name: "The quota is checked before the policy", section: processingSection, page: pageSettings{CSP: []string{"connect-src 'none'"}},
			run: func(t *trial) { t.noRoom(65_537) },
		},
		{
			name: "Mixed content is blocked", section: `Mixed Content, "Should fetching request be blocked as mixed content?"`, refused: 1,
			run: func(t *trial) { t.beacon("{insecure}/beacon", "x") },
		},
		{
			name: "A bad port is blocked", section: `Fetch, "port blocking"`, refused: 1,
			run: func(t *trial) { t.beacon("{badport}/beacon", "x") },
		},
		{
			name: "A beacon whose answer Cross-Origin-Resource-Policy blocks is delivered", section: `Fetch, "cross-origin resource policy check"`,
			answers:  map[string]answer{"{other}/beacon": {Headers: map[string]string{"Cross-Origin-Resource-Policy": "same-origin"}}},
			run:      func(t *trial) { t.beacon("{other}/beacon", "x") },
			requests: []fieldsOf{{"at": "{other}/beacon"}},
		},
	}
}

// cookieRules returns the rules for cookies: a beacon has the credentials mode include.
func cookieRules() []goRule {
	jar := pageSettings{Cookies: []cookie{
		{"page", "lax=1; SameSite=Lax; Secure; Path=/"}, {"page", "strict=1; SameSite=Strict; Secure; Path=/"}, {"page", "unsaid=1; Secure; Path=/"},
		{"page", "elsewhere=1; Secure; Path=/elsewhere"},
		{"other", "lax=2; SameSite=Lax; Secure; Path=/"}, {"other", "strict=2; SameSite=Strict; Secure; Path=/"}, {"other", "none=2; SameSite=None; Secure; Path=/"},
	}}
	const own = "lax=1; strict=1; unsaid=1"
	goes := func(name, place string, cookies any) goRule {
		r := one(name, cookieSection, place, "x", fieldsOf{"at": place, "cookie": cookies})
		r.page = jar
		return r
	}
	sets := func(name, site, header string, kept any) goRule {
		return goRule{
			name: name, section: storeSection,
			answers: map[string]answer{site + "/1": {Cookies: []string{header}}},
			run: func(t *trial) {
				t.beacon(site+"/1", "x")
				t.flush()
				t.beacon(site+"/2", "x")
			},
			requests: []fieldsOf{{"cookie": nil}, {"at": site + "/2", "cookie": kept}},
		}
	}
	return []goRule{
		goes("To the own origin all are sent", "{page}/beacon", own),
		goes("To another port, which is the same site, all are sent", "{port}/beacon", own),
		goes("To another site those with SameSite=None are sent", "{other}/beacon", "none=2"),
		goes("To http no Secure cookie is sent", "{plain}/beacon", nil),
		sets("A cookie of an answer is kept", "{page}", "a=1; Secure; Path=/", "a=1"),
		sets("A cookie of an answer for another path is not sent", "{page}", "a=1; Secure; Path=/elsewhere", nil),
		sets("From another site a cookie with SameSite=None is kept", "{other}", "a=1; SameSite=None; Secure; Path=/", "a=1"),
		sets("From another site a cookie with SameSite=None and without Secure is not kept", "{other}", "a=1; SameSite=None; Path=/", nil),
		sets("From another site a cookie with SameSite=Lax is not kept", "{other}", "a=1; SameSite=Lax; Secure; Path=/", nil),
		sets("From another site a cookie with SameSite=Strict is not kept", "{other}", "a=1; SameSite=Strict; Secure; Path=/", nil),
		sets("From another site a cookie without SameSite is not kept", "{other}", "a=1; Secure; Path=/", nil),
		{
			name: "After a redirect from another site back, no cookie with SameSite=Lax or Strict is sent", section: cookieSection, page: jar,
			answers:  along(answer{}, "{other}/1", "{page}/2"),
			run:      func(t *trial) { t.beacon("{other}/1", "x") },
			requests: []fieldsOf{{"cookie": "none=2"}, {"at": "{page}/2", "cookie": nil}},
		},
		{
			name: "A cookie of a redirect is sent to the next hop", section: storeSection,
			answers:  map[string]answer{"{page}/1": {Status: 307, Location: "{page}/2", Cookies: []string{"hop=1; Secure; Path=/"}}},
			run:      func(t *trial) { t.beacon("{page}/1", "x") },
			requests: []fieldsOf{{"cookie": nil}, {"at": "{page}/2", "cookie": "hop=1"}},
		},
		{
			name: "Pages share a jar", section: storeSection,
			answers: map[string]answer{"{page}/1": {Cookies: []string{"a=1; SameSite=Strict; Secure; Path=/"}}},
			run: func(t *trial) {
				t.beacon("{page}/1", "x")
				t.flush()
				t.turnTo(&navigator.Page{URL: t.navigator.Page.URL, Jar: t.navigator.Page.Jar})
				t.beacon("{page}/2", "x")
			},
			requests: []fieldsOf{{"cookie": nil}, {"cookie": "a=1"}},
		},
	}
}
