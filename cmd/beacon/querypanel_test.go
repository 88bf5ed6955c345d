//go:build unix

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestQueryPanel_GeneratedVisits_SameAsASecondComputation(t *testing.T) {
	p := newPlace(t)
	goals := filepath.Join(t.TempDir(), "goals")
	if err := os.WriteFile(goals, []byte("goal Sign-up = event signup\ngoal P = path /p*\nfunnel Both = path /p3 > event signup\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := p.serve("127.0.0.1:0", "--goals", goals, "--timezone", "UTC", "--timezone", "https://s1.example=Asia/Kathmandu")
	now := time.Now()
	// The clocks of Berlin and New York change on 25 October and on 1 November 2026.
	all := slices.Concat(generateVisits(now), generateVisits(time.Date(2026, 10, 28, 12, 0, 0, 0, time.UTC)))
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
	everything := func(visitEvent) bool { return true }
	person := func(e visitEvent) bool { return !e.bot && !e.idle }
	chosen := func(zone string, first, last time.Time, keep func(visitEvent) bool) []dayEvent {
		return eventsOfDays(all, zone, first, last, keep)
	}
	week := now.AddDate(0, 0, -6)
	october := func(day int) time.Time { return time.Date(2026, 10, day, 12, 0, 0, 0, time.UTC) }

	for name, x := range map[string]struct {
		args   []string
		events []dayEvent
	}{
		"all":      {nil, chosen("UTC", week, now, person)},
		"today":    {[]string{"--from", "1d"}, chosen("UTC", now, now, person)},
		"one site": {[]string{"--site", "https://s0.example"}, chosen("UTC", week, now, func(e visitEvent) bool { return !e.bot && !e.idle && e.site == "https://s0.example" })},
		"zone of a site": {[]string{"--site", "https://s1.example"},
			chosen("Asia/Kathmandu", week, now, func(e visitEvent) bool { return !e.bot && !e.idle && e.site == "https://s1.example" })},
		"bots too": {[]string{"--bots"}, chosen("UTC", week, now, everything)},
		"a path":   {[]string{"--filter", "path=/p3"}, chosen("UTC", week, now, func(e visitEvent) bool { return !e.bot && !e.idle && e.Path == "/p3" })},
		"a browser": {[]string{"--filter", "browser=Firefox", "--filter", "path=/p1"},
			chosen("UTC", week, now, func(e visitEvent) bool { return e.browser == "Firefox" && e.Path == "/p1" })},
		"nothing": {[]string{"--filter", "path=/none"}, nil},
		"winter time begins": {[]string{"--from", "2026-10-23", "--to", "2026-10-27", "--timezone", "Europe/Berlin"},
			chosen("Europe/Berlin", october(23), october(27), person)},
		"one day of 25 hours": {[]string{"--from", "2026-10-25", "--to", "2026-10-25", "--timezone", "Europe/Berlin"},
			chosen("Europe/Berlin", october(25), october(25), person)},
		"west of UTC": {[]string{"--from", "2026-10-20", "--to", "2026-10-26", "--timezone", "America/New_York"},
			chosen("America/New_York", october(20), october(26), person)},
	} {
		views := sumViews(x.events)
		equal := func(panelName string, got, want []map[string]any) {
			t.Helper()
			if !slices.Equal(sortedLines(got), sortedLines(want)) {
				t.Errorf("%s, %s:\ngot  %v\nwant %v", panelName, name, sortedLines(got), sortedLines(want))
			}
		}
		equal("headline", panel("headline", x.args...), []map[string]any{wantHeadline(views)})
		equal("pages", panel("pages", x.args...), wantPages(views))
		equal("sources", panel("sources", x.args...), wantCounts(x.events, "source", func(e dayEvent) string {
			return cmp.Or(e.UTMSource, e.Source, "direct")
		}))
		equal("browsers", panel("browsers", x.args...), wantCounts(x.events, "browser", func(e dayEvent) string { return e.browser }))
		equal("when", without(panel("when", x.args...), "hour"), wantCounts(x.events, "day", func(e dayEvent) string { return e.day }))
		equal("loss", panel("loss", x.args...), wantLoss(views))
		equal("devices", panel("devices", x.args...), wantCounts(x.events, "device", func(e dayEvent) string {
			return map[bool]string{true: "NULL", false: "desktop"}[e.bot]
		}))
		equal("systems", panel("systems", x.args...), wantCounts(x.events, "os", func(e dayEvent) string {
			return map[string]string{"Chrome": "Windows", "Firefox": "macOS", "Googlebot": "NULL"}[e.browser]
		}))
		equal("languages", panel("languages", x.args...), wantCounts(x.events, "language", func(e dayEvent) string { return e.Language }))
		equal("mediums", panel("mediums", x.args...), wantCounts(x.events, "utm_medium", func(e dayEvent) string { return e.UTMMedium }))
		equal("goals", panel("goals", x.args...), wantGoals(x.events))
		equal("goalsources", only(panel("goalsources", x.args...), "source", "goal", "visitors"), wantGoalSources(x.events))
		equal("funnel-1", only(panel("funnel-1", x.args...), "step", "visitors"), wantFunnel(x.events))
		equal("doubles", panel("doubles", x.args...), wantWeights(x.events, "browser", "doubles", func(e dayEvent) string {
			return map[bool]string{true: e.browser}[e.twice && !e.bot]
		}))
		equal("hours", only(panel("hours", x.args...), "hour", "views"), wantWeights(x.events, "hour", "views", func(e dayEvent) string {
			return map[bool]string{true: e.local.Format("15")}[e.Name == "view"]
		}))
		equal("ends", panel("ends", x.args...), wantEnds(x.events))
		equal("vitals", only(panel("vitals", x.args...), "path", "lcp", "loads"), wantVitals(views))
		equal("events", only(panel("events", x.args...), "name", "events"), wantWeights(x.events, "name", "events", func(e dayEvent) string {
			return map[bool]string{true: e.Name}[e.Name == "signup"]
		}))
		equal("errors", only(panel("errors", x.args...), "message", "events", "pages", "last_seen"), wantErrors(x.events))
		equal("notfound", only(panel("notfound", x.args...), "path", "views"), wantWeights(x.events, "path", "views", func(e dayEvent) string {
			return map[bool]string{true: e.Path}[e.Status == 404]
		}))
	}
	bots := map[string]float64{}
	for _, row := range panel("bots") {
		bots[row["bot_reason"].(string)] += row["views"].(float64)
	}
	views := map[string]float64{"no engagement": 12}
	views["agent"] = float64(len(chosen("UTC", week, now, func(e visitEvent) bool { return e.bot && e.Name == "view" })))
	if !maps.Equal(bots, views) {
		t.Errorf("bots: got %v, want %v", bots, views)
	}
	if got := panel("campaigns"); len(got) != 0 {
		t.Errorf("campaigns: got %v, want no row", got)
	}
	for i, rows := 1, panel("pages"); i < len(rows); i++ {
		if rows[i]["visitors"].(float64) > rows[i-1]["visitors"].(float64) {
			t.Errorf("pages are not in the order of visitors: %v", rows)
		}
	}
}

func TestQueryPanel_WrongFlags_ErrorSaysWhatToWrite(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	for want, args := range map[string][]string{
		"ask for one of headline": {"--panel", "nothing"},
		"no SQL":                  {"--panel", "pages", "select 1"},
		"such as 7d":              {"--panel", "pages", "--from", "yesterday"},
		"is after to":             {"--panel", "pages", "--from", "2026-11-02", "--to", "2026-11-01"},
		"with one of the":         {"--panel", "pages", "--filter", "ip=1"},
		"no time zone":            {"--panel", "pages", "--timezone", "Mars"},
	} {
		if _, errs, status := p.beacon(append([]string{"query", "--server", s.URL}, args...)...); status == 0 || !strings.Contains(errs, want) {
			t.Errorf("%q ends with %d, %s, want %q", args, status, errs, want)
		}
	}
}
