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
	var all [][]string // between the stars
	for _, p := range patterns {
		all = append(all, strings.Split(p, "*"))
	}
	return func(stream string) bool {
		return slices.ContainsFunc(all, func(parts []string) bool { return matches(parts, stream) })
	}, nil
}

// streamFilter returns a function that reports whether a stream matches the filter of a tail, or nil if the filter
// is empty. A filter that begins with / is a pattern as those of Paths. Any other matches the streams that have
// it in them.
func streamFilter(filter string) func(stream string) bool {
	if filter == "" {
		return nil
	}
	if !strings.HasPrefix(filter, "/") {
		filter = "*" + filter + "*"
	}
	parts := strings.Split(filter, "*")
	return func(stream string) bool { return matches(parts, stream) }
}

// matches reports whether text has the parts in their order, with any characters between them.
func matches(parts []string, text string) bool {
	if len(parts) == 1 {
		return parts[0] == text
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
