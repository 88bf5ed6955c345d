//go:build unix

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestScriptDocument_Queries_Answered(t *testing.T) {
	text, err := os.ReadFile("../../docs/script.md")
	if err != nil {
		t.Fatal(err)
	}
	s := newPlace(t).serve("127.0.0.1:0")
	s.post("/visits", "text/plain", `{"name":"view","view":"a","n":1,"path":"/x","weight":1}`)
	s.post("/visits", "text/plain", `{"name":"leave","view":"a","n":2,"path":"/x","weight":1,"seconds":2.5,"lcp":800}`)
	s.post("/visits", "text/plain", `{"name":"leave","view":"a","n":4,"path":"/x","weight":1,"seconds":9}`)
	s.post("/visits", "text/plain", `{"name":"leave","view":"a","n":4,"path":"/x","weight":1,"seconds":9}`)
	s.post("/other", "text/plain", `{"name":"view","view":"b","n":1,"path":"/y"}`)
	answers := map[string]string{
		"views and visible time": `[map[path:/x seconds:9 views:1]]`,
		"visitors and views":     `[map[day:DAY views:1 visitors:0]]`,
		"where visitors come":    `[map[source:direct views:1]]`,
		"countries of visitors":  `[map[country:unknown views:1 visitors:0]]`,
		"Web Vitals":             `[map[cls:<nil> inp:<nil> lcp:800 path:/x views:1]]`,
		"loss":                   `[map[lost:1 sent:4 views:1]]`,
	}
	queries := regexp.MustCompile(`(?m)^    -- (.*)\n((?:    .*\n)+)`).FindAllStringSubmatch(string(text), -1)
	if len(queries) != len(answers) {
		t.Errorf("the document has %d queries, want %d", len(queries), len(answers))
	}
	for _, q := range queries {
		known := false
		for about, want := range answers {
			if !strings.HasPrefix(q[1], about) {
				continue
			}
			known = true
			want = strings.Replace(want, "DAY", time.Now().UTC().Format(time.DateOnly), 1)
			if got := fmt.Sprint(s.query(q[2])); got != want {
				t.Errorf("%s: got %s, want %s", q[1], got, want)
			}
		}
		if !known {
			t.Errorf("no answer is known for the query %q", q[1])
		}
	}
}

func TestAnalyticsDocument_Queries_Answered(t *testing.T) {
	text, err := os.ReadFile("../../docs/analytics.md")
	if err != nil {
		t.Fatal(err)
	}
	s := newPlace(t).serve("127.0.0.1:0")
	s.post("/visits", "text/plain", `{"name":"view","view":"a","n":1,"path":"/x?q=shoes","weight":1}`)
	for range 2 { // as browsers send them
		s.post("/visits", "text/plain", `{"name":"leave","view":"a","n":2,"path":"/x","weight":1,"seconds":2.5,"lcp":4800,"scroll":95}`)
		s.post("/visits", "text/plain", `{"name":"signup","view":"a","n":3,"path":"/x","weight":1,"props":{"plan":"pro"}}`)
		s.post("/visits", "text/plain", `{"name":"unhandledrejection","view":"a","n":4,"path":"/x","weight":1,"props":{"message":"no"}}`)
	}
	s.post("/visits", "text/plain", `{"name":"view","view":"a","n":1,"path":"/x?q=shoes","weight":1}`)
	queries := regexp.MustCompile(`(?m)^    -- (\d+)\. .*\n    (.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(queries) != 10 {
		t.Errorf("the document has %d queries, want 10", len(queries))
	}
	answers := map[string]string{"2": `[map[finished:1 path:/x views:1]]`, "6": `[map[browser:Go-http-client loads:1 slow:1]]`,
		"8": `[map[message:no name:unhandledrejection stack:<nil> times:1]]`, "9": `[map[origin:<nil> views:1]]`, "7": `[map[plan:pro signups:1]]`, "10": `[map[times:1 words:shoes]]`}
	for _, q := range queries {
		got := fmt.Sprint(s.query(q[2]))
		if want := answers[q[1]]; want != "" && got != want {
			t.Errorf("query %s: got %s, want %s", q[1], got, want)
		}
	}
}
