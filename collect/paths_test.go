package collect_test

import (
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
)

func TestPaths_Pattern_Matches(t *testing.T) {
	for _, x := range []struct {
		pattern string
		yes, no []string
	}{
		{"/events", []string{"/events"}, []string{"/events/", "/event", "/eventsx", "/x/events", ""}},
		{"/track/*", []string{"/track/", "/track/a", "/track/a/b"}, []string{"/track", "/x/track/"}},
		{"/v3/JS/*/events", []string{"/v3/JS/key/events", "/v3/JS//events"}, []string{"/v3/JS/events", "/v3/JS/key/events/"}},
		{"/*a*a", []string{"/aa", "/xaxa"}, []string{"/a", "/ab"}},
		{"/*", []string{"/", "/x"}, []string{"", "x"}},
	} {
		match, err := collect.Paths("/other", x.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, stream := range x.yes {
			if !match(stream) {
				t.Errorf("%s does not match %s", x.pattern, stream)
			}
		}
		for _, stream := range x.no {
			if match(stream) {
				t.Errorf("%s matches %s", x.pattern, stream)
			}
		}
	}
	for _, pattern := range []string{"", "events", "/-/x", "/a?b", "/a b", "*"} {
		if _, err := collect.Paths(pattern); err == nil {
			t.Errorf("%q is accepted", pattern)
		}
	}
}
