//go:build unix

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestQueryPanel_GeneratedVisits_SameAsASecondComputation(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	now := time.Now()
	all := generateVisits(now)
	importVisits(t, p, s.URL, all)
	s.waitRows(1, "select 1 from beacons having count(*) >= "+fmt.Sprint(len(all)))

	panel := func(name string, args ...string) (rows []map[string]any) {
		t.Helper()
		out, errs, status := p.beacon(append([]string{"query", "--server", s.URL, "--format", "json", "--panel", name}, args...)...)
		if status != 0 {
			t.Fatalf("%s %q: %s", name, args, errs)
		}
		for line := range strings.Lines(out) {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		return rows
	}
	chosen := func(keep func(visitEvent) bool) (some []visitEvent) {
		for _, e := range all {
			if !e.old && keep(e) {
				some = append(some, e)
			}
		}
		return some
	}
	people := chosen(func(e visitEvent) bool { return !e.bot })

	for name, x := range map[string]struct {
		args   []string
		events []visitEvent
	}{
		"all":      {nil, people},
		"one site": {[]string{"--site", "https://s1.example"}, chosen(func(e visitEvent) bool { return !e.bot && e.site == "https://s1.example" })},
		"bots too": {[]string{"--bots"}, chosen(func(visitEvent) bool { return true })},
		"a path":   {[]string{"--filter", "path=/p3"}, chosen(func(e visitEvent) bool { return !e.bot && e.Path == "/p3" })},
		"a browser": {[]string{"--filter", "browser=Firefox", "--filter", "path=/p1"},
			chosen(func(e visitEvent) bool { return e.browser == "Firefox" && e.Path == "/p1" })},
		"nothing": {[]string{"--filter", "path=/none"}, nil},
	} {
		views := sumViews(x.events)
		equal := func(panelName string, got, want any) {
			t.Helper()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, %s:\ngot  %v\nwant %v", panelName, name, got, want)
			}
		}
		equal("headline", panel("headline", x.args...), []map[string]any{wantHeadline(views)})
		equal("pages", panel("pages", x.args...), wantPages(views))
		equal("sources", panel("sources", x.args...), wantCounts(x.events, "source", func(e visitEvent) string {
			return cmp.Or(e.UTMSource, e.Source, "direct")
		}))
		equal("browsers", panel("browsers", x.args...), wantCounts(x.events, "browser", func(e visitEvent) string { return e.browser }))
		equal("when", sortedBy(panel("when", x.args...), "day"), sortedBy(wantCounts(x.events, "day", func(e visitEvent) string {
			return e.at.UTC().Format(time.DateOnly)
		}), "day"))
		equal("loss", panel("loss", x.args...), wantLoss(views))
		equal("devices", panel("devices", x.args...), wantCounts(x.events, "device", func(e visitEvent) string {
			return map[bool]string{true: "NULL", false: "desktop"}[e.bot]
		}))
		equal("systems", panel("systems", x.args...), wantCounts(x.events, "os", func(e visitEvent) string {
			return map[string]string{"Chrome": "Windows", "Firefox": "macOS", "Googlebot": "NULL"}[e.browser]
		}))
		equal("languages", panel("languages", x.args...), wantCounts(x.events, "language", func(e visitEvent) string { return e.Language }))
		equal("mediums", panel("mediums", x.args...), wantCounts(x.events, "utm_medium", func(e visitEvent) string { return e.UTMMedium }))
		equal("ends", panel("ends", x.args...), wantEnds(x.events))
		equal("vitals", only(panel("vitals", x.args...), "path", "lcp", "loads"), wantVitals(views))
		equal("events", only(panel("events", x.args...), "name", "events"), wantWeights(x.events, "name", "events", func(e visitEvent) string {
			return map[bool]string{true: e.Name}[e.Name == "signup"]
		}))
		equal("errors", only(panel("errors", x.args...), "message", "events"), wantWeights(x.events, "message", "events", func(e visitEvent) string {
			message, _ := e.Props["message"].(string)
			return message
		}))
		equal("notfound", only(panel("notfound", x.args...), "path", "views"), wantWeights(x.events, "path", "views", func(e visitEvent) string {
			return map[bool]string{true: e.Path}[e.Status == 404]
		}))
	}
	if got := panel("campaigns"); len(got) != 0 {
		t.Errorf("campaigns: got %v, want no row", got)
	}
}

func TestQueryPanel_WrongFlags_ErrorSaysWhatToWrite(t *testing.T) {
	p := newPlace(t)
	for want, args := range map[string][]string{
		"one of browsers":   {"--panel", "nothing"},
		"no SQL":            {"--panel", "pages", "select 1"},
		"such as 7d":        {"--panel", "pages", "--from", "yesterday"},
		"is not before":     {"--panel", "pages", "--from", "2026-11-02", "--to", "2026-11-01"},
		"with one of the":   {"--panel", "pages", "--filter", "ip=1"},
		"no such time zone": {"--panel", "pages", "--timezone", "Mars"},
	} {
		if _, errs, status := p.beacon(append([]string{"query"}, args...)...); status != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%q ends with %d, %s, want %q", args, status, errs, want)
		}
	}
}
