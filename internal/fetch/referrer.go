package fetch

import (
	"net/http"
	"strings"

	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

const defaultReferrerPolicy = "strict-origin-when-cross-origin"

// maxReferrer is the longest referrer, in characters, that is more than an origin.
const maxReferrer = 4096

// referrerPolicyOf is Referrer Policy, "Parse a referrer policy from a Referrer-Policy
// header": of several the last one that is known, "" for none.
func referrerPolicyOf(h http.Header) string {
	return lastReferrerPolicy(strings.Join(h.Values("Referrer-Policy"), ","))
}

func lastReferrerPolicy(list string) (policy string) {
	for token := range strings.SplitSeq(list, ",") {
		if token = strings.ToLower(strings.Trim(token, " \t")); token != "" && fetchrules.IsReferrerPolicy(token) {
			policy = token
		}
	}
	return policy
}

// determineReferrer is Referrer Policy, "Determine request's Referrer", of a request to
// the URL whose referrer is source. "" is no referrer.
func determineReferrer(policy string, source, to *url.Url) string {
	if source == nil || !weburl.IsHTTP(source) {
		return ""
	}
	// "Strip url for use as a referrer"
	stripped, err := weburl.Parse(source.Href(true)) // to clone it would be to write to it
	if err != nil {
		return ""
	}
	stripped.SetUsername("")
	stripped.SetPassword("")
	from := weburl.OriginOf(source)
	whole, onlyOrigin := stripped.Href(true), from.String()+"/"
	if len(whole) > maxReferrer {
		whole = onlyOrigin
	}
	sameOrigin := from.Same(weburl.OriginOf(to))
	downgrade := weburl.Trustworthy(source) && !weburl.Trustworthy(to)
	switch policy {
	case "no-referrer":
		return ""
	case "origin":
		return onlyOrigin
	case "unsafe-url":
		return whole
	case "strict-origin":
		if downgrade {
			return ""
		}
		return onlyOrigin
	case "same-origin":
		if sameOrigin {
			return whole
		}
		return ""
	case "origin-when-cross-origin":
		if sameOrigin {
			return whole
		}
		return onlyOrigin
	case "no-referrer-when-downgrade":
		if downgrade {
			return ""
		}
		return whole
	default: // strict-origin-when-cross-origin
		if sameOrigin {
			return whole
		}
		if downgrade {
			return ""
		}
		return onlyOrigin
	}
}
