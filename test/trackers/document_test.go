package trackers

import (
	"fmt"
	"os"
	"path"
	"strings"
	"testing"
)

// document is the path of the page that the test writes.
const document = "../../docs/trackers.md"

// A result is what a sender sent, and what the table has of it.
type result struct {
	requests, rows int
	kinds          []kind
}

const introduction = `# Libraries that send to the collector

Each library below ran unchanged, from its registry, against ` + "`beacon serve`" + ` with the flags of its row. A library of the
browser ran in Chromium, in two visits of a page: one was left by a link, the other by closing its tab. The requests
are those of the browser's network log. Programs of servers sent through a recording proxy.

*Requests* counts the requests that left, without preflights and without GETs for settings. *Rows* counts the rows of
the table; no request was sent again because of its answer. The last column has the kinds of requests, and the first
fields of ` + "`data`" + ` in their rows, or the error of rows without ` + "`data`" + `.

` + "`make senders`" + ` runs all of them and writes this page. ` + "`make test`" + ` runs fifteen.
`

// describe returns the document of some results, by the sender's file.
func describe(t *testing.T, results map[string]result) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(introduction)
	for _, part := range []struct {
		title   string
		browser bool
	}{{"In the browser", true}, {"On servers", false}} {
		fmt.Fprintf(&b, "\n## %s\n\n| library | flags | requests | rows | requests and their `data` |\n|---|---|---|---|---|\n", part.title)
		for _, s := range senders {
			if (s.runsIn() == "browser") != part.browser {
				continue
			}
			r := results[s.file]
			var kinds []string
			for _, k := range r.kinds {
				kinds = append(kinds, fmt.Sprintf("`%s` ×%d: %s", k.name, k.count, k.fields))
			}
			fmt.Fprintf(&b, "%s%d | %d | %s |\n", s.head(t), r.requests, r.rows, strings.Join(kinds, "<br>"))
		}
	}
	return b.String()
}

// head returns the first cells of a sender's row: those that don't come from a run.
func (s sender) head(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("[%s](../test/trackers/%s) %s", s.library, s.file, s.version(t))
	if in := s.runsIn(); in != "browser" {
		name += ", " + in
	}
	if s.comment != "" {
		name += "<br>" + s.comment
	}
	var flags []string
	for i := 0; i < len(s.flags); i += 2 {
		flags = append(flags, fmt.Sprintf("`%s %s`", s.flags[i], quote(s.flags[i+1])))
	}
	return fmt.Sprintf("| %s | %s | ", name, strings.Join(flags, "<br>"))
}

// quote quotes a word for a shell if it has to be.
func quote(word string) string {
	if strings.ContainsAny(word, " *?{}\"'") {
		return "'" + word + "'"
	}
	return word
}

// TestDocument_AllSenders_Listed: docs/trackers.md has a row for each sender, with today's version and flags.
func TestDocument_AllSenders_Listed(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range senders {
		if !strings.Contains(string(text), "\n"+s.head(t)) {
			t.Errorf("docs/trackers.md has no row of %s %s with its flags: run make senders", s.library, path.Base(s.file))
		}
	}
	if listed := strings.Count(string(text), "\n| ["); listed != len(senders) {
		t.Errorf("docs/trackers.md has %d senders of %d: run make senders", listed, len(senders))
	}
}
