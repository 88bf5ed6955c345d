package trackers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// senders are all senders: those of the browser first.
var senders = slices.Concat(browserSenders, serverSenders)

// A sender is an unmodified library that sends to the collector: a page in pages/, or a program in programs/. Both set
// it up by options that its documentation has.
type sender struct {
	file    string // the page or program
	library string // the library's name in its registry

	flags   []string // flags of `beacon serve` that it needs
	asks    []string // prefixes of the paths of GETs that ask for settings and are not beacons
	used    []string // texts that are in the rows' data after the page was used, or the program has run
	left    []string // texts that are in the rows' data after the page was left
	once    string   // a text that is in exactly one row of each visit or run: nothing is sent again
	secure  bool     // it sends by HTTPS only
	unread  string   // a part of the error in rows whose body can't be decoded; "" if all can
	always  bool     // run without -all too
	comment string   // what its users should know, for docs/trackers.md
}

// runsIn returns the kind of process that a sender runs in.
func (s sender) runsIn() string {
	switch filepath.Ext(s.file) {
	case ".py":
		return "Python"
	case ".mjs":
		return "Node.js"
	case ".go":
		return "Go"
	}
	return "browser"
}

// version returns the version of the library that the tests install.
func (s sender) version(t *testing.T) string {
	t.Helper()
	file, pattern := "pages/package-lock.json", ""
	switch s.runsIn() {
	case "Node.js":
		file = "programs/package-lock.json"
	case "Python":
		file, pattern = "programs/requirements.txt", `(?m)^`+regexp.QuoteMeta(s.library)+`==(\S+)$`
	case "Go":
		file, pattern = "programs/go.mod", `(?m)^(?:require)?\s+`+regexp.QuoteMeta(s.library)+` v(\S+)`
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if pattern == "" {
		var lock struct {
			Packages map[string]struct{ Version string }
		}
		if err := json.Unmarshal(text, &lock); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if p, ok := lock.Packages["node_modules/"+s.library]; ok {
			return p.Version
		}
	} else if m := regexp.MustCompile(pattern).FindSubmatch(text); m != nil {
		return string(m[1])
	}
	t.Fatalf("%s has no version of %s", file, s.library)
	return ""
}

// isBeacon reports whether a request is a beacon: it is not a preflight, and does not ask for settings.
func (s sender) isBeacon(r request) bool {
	if r.method == "GET" {
		for _, path := range s.asks {
			if strings.HasPrefix(r.target, path) {
				return false
			}
		}
	}
	return r.method != "OPTIONS"
}
