package page

import (
	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// violated dispatches the event of a request that an enforced policy has blocked (CSP, "Report a violation").
func (p *Page) violated(blocked, directive, policy string) {
	v := p.realm.value
	status := 0
	if weburl.IsHTTP(p.address) {
		status = 200 // of the response that brought the document, which this page did not fetch
	}
	e := p.realm.newTrusted("SecurityPolicyViolationEvent", "securitypolicyviolation", map[string]goja.Value{
		"documentURI": v(forReport(p.address.Href(true))), "referrer": v(forReport(p.options.Referrer)), "blockedURI": v(forReport(blocked)),
		"effectiveDirective": v(directive), "violatedDirective": v(directive), "originalPolicy": v(policy),
		"disposition": v("enforce"), "statusCode": v(status),
		"sourceFile": v(""), "sample": v(""), "lineNumber": v(0), "columnNumber": v(0),
	})
	e.bubbles, e.composed = true, true
	p.dispatch(&p.document.eventTarget, e)
}

// forReport returns a URL without its secrets (CSP, "strip URL for use in reports").
func forReport(s string) string {
	u, err := weburl.Parse(s)
	if err != nil {
		return ""
	}
	if !weburl.IsHTTP(u) {
		return u.Scheme()
	}
	u.SetUsername("")
	u.SetPassword("")
	return u.Href(true)
}

// defineViolations defines SecurityPolicyViolationEvent (CSP, "Violation DOM Events").
func (rt *realm) defineViolations() {
	disposition := func(c call, v goja.Value) goja.Value {
		s := c.toString(v)
		if s.String() != "enforce" && s.String() != "report" {
			panic(c.fail("The provided value '%s' is not a valid enum value of 'disposition'.", s))
		}
		return s
	}
	rt.eventKind("SecurityPolicyViolationEvent",
		member{"blockedURI", "", toDOM}, member{"columnNumber", 0, toLong}, member{"disposition", "enforce", disposition},
		member{"documentURI", "", toDOM}, member{"effectiveDirective", "", toDOM}, member{"lineNumber", 0, toLong},
		member{"originalPolicy", "", toDOM}, member{"referrer", "", toDOM}, member{"sample", "", toDOM},
		member{"sourceFile", "", toDOM}, member{"statusCode", 0, toShort}, member{"violatedDirective", "", toDOM})
}

func toShort(c call, v goja.Value) goja.Value { return c.value(uint16(c.integer(v, 16))) }
