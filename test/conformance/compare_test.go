package conformance

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// differences is what of an observation is not as expected, by its key: both as far as the
// rule is about them.
func differences(r rule, o observation) (want, got map[string]any) {
	want, got = map[string]any{}, map[string]any{}
	for key, w := range r.Expect {
		g := o[key]
		if key == "requests" {
			w, g = comparable(r, w, o.requests())
		}
		if !reflect.DeepEqual(w, g) {
			want[key], got[key] = w, g
		}
	}
	if thrown := o["throws"]; thrown != nil && r.Expect["throws"] == nil {
		got["throws"] = thrown
	}
	return want, got
}

// comparable has of the requests that came the fields that the rule is about; of those that
// were not expected, the method and the place.
func comparable(r rule, expected any, came []any) (want, got any) {
	list, ok := expected.([]any)
	if !ok {
		return expected, float64(len(came))
	}
	if r.Unordered {
		list, came = byPlace(list), byPlace(came)
	}
	fields := []any{}
	for i, request := range came {
		about := map[string]any{"method": nil, "at": nil}
		if i < len(list) {
			about = list[i].(map[string]any)
		}
		field := map[string]any{}
		for name := range about {
			field[name] = request.(map[string]any)[name]
		}
		fields = append(fields, field)
	}
	return list, fields
}

func byPlace(requests []any) []any {
	key := func(request any) string {
		fields := request.(map[string]any)
		at, _ := fields["at"].(string)
		method, _ := fields["method"].(string)
		return at + " " + method
	}
	sorted := slices.Clone(requests)
	slices.SortStableFunc(sorted, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	return sorted
}

// check fails where an engine differs from the standard and nobody says why, or where
// somebody says why and it does not.
func check(t *testing.T, groups []group, seen map[string][]observation) {
	for name, observations := range seen {
		i := 0
		for _, g := range groups {
			for _, r := range g.Rules {
				o := observations[i]
				i++
				if o == nil || o["missing"] != nil {
					continue
				}
				want, got := differences(r, o)
				switch explained := name != ours && r.Differs[name] != ""; {
				case len(got) > 0 && !explained:
					t.Errorf("%s: %s: %s\nwant %s\ngot  %s", name, g.Theme, r.Name, jsonOf(want), jsonOf(got))
				case len(got) == 0 && explained:
					t.Errorf("%s: %s: %s: it is as the standard says now: the explanation can go", name, g.Theme, r.Name)
				}
			}
		}
	}
}

func jsonOf(v any) string {
	text, _ := json.Marshal(v)
	if len(text) > 2000 {
		text = append(text[:2000], "…"...)
	}
	return string(text)
}
