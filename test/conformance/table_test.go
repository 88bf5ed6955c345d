package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// columns are the engines, as the table calls them.
var columns = []struct{ name, title string }{
	{"chromium", "Chromium"},
	{ours, "This project"},
}

const tableHead = `# Conformance

What the standards say of sendBeacon and what is around it, and what is done. The test in
test/conformance writes this page from what it sees: each rule's script runs as it is in a real
Chromium and in this project's own page, and the requests are those that real servers got.
Do not edit it; run ` + "`go test ./test/conformance -update`" + `.

An engine does as the standard says (✓), or else what is told, and why. What has a – was not
run, for want of what is named. Origins have names: ` + "`{page}`" + ` is the page's, which is https;
` + "`{port}`" + ` is the same site at another port; ` + "`{other}` and `{otherport}`" + ` are another site. ` + "`{plain}`" + ` is
http at 127.0.0.1, which counts as potentially trustworthy, and ` + "`{insecure}`" + ` is http elsewhere. A
redirect is a 307 where nothing else is said. Of a request the table has what the rule is about.
`

// table is docs/conformance.md.
func table(groups []group, seen map[string][]observation) string {
	var b strings.Builder
	b.WriteString(tableHead)
	count := map[string][2]int{} // of those that are as the standard says, and of all
	var body strings.Builder
	theme, i := "", 0
	for _, g := range groups {
		if g.Theme != theme {
			theme = g.Theme
			fmt.Fprintf(&body, "\n## %s\n\n| rule | standard |", escape(theme))
			for _, c := range columns {
				fmt.Fprintf(&body, " %s |", c.title)
			}
			body.WriteString("\n|---|---|" + strings.Repeat("---|", len(columns)) + "\n")
		}
		for _, r := range g.Rules {
			note := ""
			if r.Note != "" {
				note = "<br>" + escape(r.Note)
			}
			fmt.Fprintf(&body, "| %s<br><sub>%s</sub> | %s%s |", escape(r.Name), escape(r.Section), show(r.Expect), note)
			for _, c := range columns {
				cell := "–"
				if observations := seen[c.name]; observations != nil && observations[i]["missing"] != nil {
					cell = fmt.Sprintf("– no %v", observations[i]["missing"])
				} else if observations != nil && observations[i] != nil {
					n := count[c.title]
					n[1]++
					if _, got := differences(r, observations[i]); len(got) == 0 {
						n[0]++
						cell = "✓"
					} else {
						cell = show(got) + "<br>" + escape(r.Differs[c.name])
					}
					count[c.title] = n
				}
				fmt.Fprintf(&body, " %s |", cell)
			}
			body.WriteString("\n")
			i++
		}
	}
	fmt.Fprintf(&b, "\nOf %d rules", i)
	for _, c := range columns {
		if n := count[c.title]; n[1] > 0 {
			fmt.Fprintf(&b, ", %s keeps %d", c.title, n[0])
		}
	}
	return b.String() + ".\n" + body.String()
}

// show is an expectation, or what differs from it, in a cell.
func show(what map[string]any) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(what)) {
		if key == "requests" {
			continue
		}
		line := key + ": " + value(what[key])
		switch key {
		case "returns", "returned":
			line = value(what[key])
		case "throws":
			line = "throws " + fmt.Sprint(what[key])
		case "thrown":
			line = "throws " + value(what[key])
			if each, ok := what[key].(map[string]any); ok {
				line = thrownBy(each)
			}
		}
		lines = append(lines, code(line))
	}
	switch requests := what["requests"].(type) {
	case float64:
		lines = append(lines, fmt.Sprintf("requests: %v", requests))
	case []any:
		if len(requests) == 0 {
			lines = append(lines, "nothing arrives")
		}
		if len(requests) > 8 {
			lines = append(lines, fmt.Sprintf("%d requests, from %s to", len(requests), code(showRequest(requests[0]))))
			requests = requests[len(requests)-1:]
		}
		for _, request := range requests {
			lines = append(lines, code(showRequest(request)))
		}
	}
	return strings.Join(lines, "<br>")
}

// thrownBy is what each of several calls throws.
func thrownBy(thrown map[string]any) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(thrown)) {
		lines = append(lines, key+": "+value(thrown[key]))
	}
	return strings.Join(lines, ", ")
}

// showRequest is one request: method and place first, the body last.
func showRequest(request any) string {
	fields := request.(map[string]any)
	parts := []string{}
	for _, key := range []string{"method", "at"} {
		if v, ok := fields[key].(string); ok {
			parts = append(parts, cut(v))
		}
	}
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(fields)), func(key string) bool { return key == "method" || key == "at" })
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
	for _, key := range keys {
		parts = append(parts, key+": "+value(fields[key]))
	}
	return strings.Join(parts, " · ")
}

// rank has the body behind the headers.
func rank(field string) int {
	if field == "body" || field == "hex" || field == "size" {
		return 1
	}
	return 0
}

// value is a value in few characters: a missing header is none.
func value(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		if v == "" {
			return `""`
		}
		text, _ := json.Marshal(v)
		return cut(strings.NewReplacer(`\"`, `"`, `\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(text[1 : len(text)-1])))
	}
	text, _ := json.Marshal(v)
	return cut(string(text))
}

func cut(text string) string {
	if characters := []rune(text); len(characters) > 200 {
		return string(characters[:100]) + "…"
	}
	return text
}

// code is text in a code span of a table's cell.
func code(text string) string {
	ticks := "`"
	if strings.Contains(text, "`") {
		ticks = "``"
	}
	return ticks + strings.ReplaceAll(text, "|", `\|`) + ticks
}

func escape(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "{", "`{", "}", "}`").Replace(text)
}
