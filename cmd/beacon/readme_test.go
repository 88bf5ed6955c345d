package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Lines with curl name flags of curl.
func TestREADME_NamesFlag_CommandHasIt(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^ +curl .*$`).ReplaceAll(text, nil)
	known := map[string]bool{"--help": true}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, name := range regexp.MustCompile(`--[a-z0-9-]+`).FindAllString(c.UsageString(), -1) {
			known[name] = true
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(command())
	for _, flag := range regexp.MustCompile("(?m)(?:^|[ `(])(--[a-z][a-z0-9-]+[a-z0-9])").FindAllStringSubmatch(string(text), -1) {
		if !known[flag[1]] {
			t.Errorf("no command has %s", flag[1])
		}
	}
}

func TestScriptDocument_Queries_Answered(t *testing.T) {
	text, err := os.ReadFile("../../docs/script.md")
	if err != nil {
		t.Fatal(err)
	}
	s := newPlace(t).serve("127.0.0.1:0")
	s.post("/visits", "text/plain", `{"name":"view","view":"a","n":1,"path":"/x","weight":1}`)
	s.post("/visits", "text/plain", `{"name":"leave","view":"a","n":3,"path":"/x","weight":1,"seconds":2.5,"lcp":800}`)
	s.post("/visits", "text/plain", `{"name":"leave","view":"a","n":3,"path":"/x","weight":1,"seconds":9}`)
	s.post("/other", "text/plain", `{"name":"view","view":"b","n":1,"path":"/y"}`)
	answers := map[string]string{
		"views and visible time": `[map[path:/x seconds:2.5 views:1]]`,
		"where visitors come":    `[map[source:direct views:1]]`,
		"Web Vitals":             `[map[cls:<nil> inp:<nil> lcp:800 path:/x views:1]]`,
		"loss":                   `[map[lost:1 sent:3 views:1]]`,
	}
	queries := regexp.MustCompile(`(?m)^    -- (.*)\n((?:    .*\n)+)`).FindAllStringSubmatch(string(text), -1)
	if len(queries) != len(answers) {
		t.Errorf("the document has %d queries, want %d", len(queries), len(answers))
	}
	for _, q := range queries {
		for about, want := range answers {
			if !strings.HasPrefix(q[1], about) {
				continue
			}
			if got := fmt.Sprint(s.query(q[2])); got != want {
				t.Errorf("%s: got %s, want %s", q[1], got, want)
			}
		}
	}
}
