package collect

import (
	"fmt"
	"slices"
	"strings"
)

// Paths returns a function that reports whether a stream, which is a URL path as it was sent, matches one of the
// patterns. In a pattern * stands for any characters, / included. The error names the first pattern that is not a
// path outside [Operators].
func Paths(patterns ...string) (func(stream string) bool, error) {
	for _, p := range patterns {
		if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, Operators) || strings.ContainsAny(p, "?# ") {
			return nil, fmt.Errorf("%q: a stream is the path of a URL outside %s: write a path such as /events, or /track/*", p, Operators)
		}
	}
	return func(stream string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, stream) })
	}, nil
}

// matches reports whether text matches a pattern in which * stands for any characters.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}
