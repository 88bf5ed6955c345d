package fetchrules

import "slices"

// ReferrerPolicies are Referrer Policy's eight, and the empty string, which leaves it to
// somebody else. They are not to be changed.
var ReferrerPolicies = []string{"", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
	"origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url"}

// IsReferrerPolicy says whether s is one of [ReferrerPolicies].
func IsReferrerPolicy(s string) bool { return slices.Contains(ReferrerPolicies, s) }
