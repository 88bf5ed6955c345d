//go:build unix

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// text returns the body of an answer to an operator.
func (s *server) text(path string) string {
	s.p.t.Helper()
	res, err := s.get(path)
	if err != nil {
		s.p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.p.t.Fatalf("%s: %v", path, err)
	}
	return string(body)
}

func TestQueryPanel_GeneratedVisits_SameAsASecondComputation(t *testing.T) {
	p := newPlace(t)
	goals := filepath.Join(t.TempDir(), "goals")
	if err := os.WriteFile(goals, []byte("goal Sign-up = event signup\ngoal P = path /p*\nfunnel Both = path /p3 > event signup\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	countries := filepath.Join(t.TempDir(), "countries.mmdb")
	writeCountry(t, countries, "203.0.113.0/24", "NZ") // an import keeps the countries that it has
	s := p.serve("127.0.0.1:0", "--goals", goals, "--geoip", countries, "--timezone", "UTC", "--timezone", "https://s1.example=Asia/Kathmandu")
	now := time.Now()
	// The clocks of Berlin and New York change on 25 October and on 1 November 2026.
	all := slices.Concat(generateVisits(now), generateVisits(time.Date(2026, 10, 28, 12, 0, 0, 0, time.UTC)))
	importVisits(t, p, s.URL, all)
	s.waitRows(1, "select 1 from beacons having count(*) >= "+fmt.Sprint(len(all)))

	panel := func(name, query string) (rows []map[string]any) {
		t.Helper()
		answer := s.text("/-/panel/" + name + "?" + query)
		lines := strings.Split(strings.TrimSpace(answer), "\n")
		var columns []string
		if err := json.Unmarshal([]byte(lines[0]), &columns); err != nil {
			t.Fatalf("%s of %s: %v: %s", name, query, err, answer)
		}
		for _, line := range lines[1 : len(lines)-1] {
			var cells []any
			if err := json.Unmarshal([]byte(line), &cells); err != nil {
				t.Fatal(err)
			}
			row := map[string]any{}
			for i, cell := range cells {
				row[columns[i]] = cell
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

	people := chosen("UTC", week, now, person)
	sessions := sessionsOf(people)
	signups := map[string]bool{}
	for _, e := range people {
		signups[e.View] = signups[e.View] || isSignup(e)
	}
	for name, x := range map[string]struct {
		query  string
		events []dayEvent
		filter func(dayEvent) bool // of the views that are chosen from events, or nil for all
	}{
		"all":      {"", people, nil},
		"today":    {"from=1d", chosen("UTC", now, now, person), nil},
		"one site": {"site=https://s0.example", chosen("UTC", week, now, func(e visitEvent) bool { return !e.bot && !e.idle && e.site == "https://s0.example" }), nil},
		"zone of a site": {"site=https://s1.example/",
			chosen("Asia/Kathmandu", week, now, func(e visitEvent) bool { return !e.bot && !e.idle && e.site == "https://s1.example" }), nil},
		"bots too": {"bots=1", chosen("UTC", week, now, everything), nil},
		"a path":   {"filter=path%3D/p3", people, func(e dayEvent) bool { return e.Path == "/p3" }},
		"a browser": {"filter=browser%3DFirefox&filter=path%3D/p1", people,
			func(e dayEvent) bool { return e.browser == "Firefox" && e.Path == "/p1" }},
		"a source": {"filter=source%3Dmail", people,
			func(e dayEvent) bool { return sessions[e.View].source() == "mail" }},
		"no source": {"filter=source%3Ddirect", people,
			func(e dayEvent) bool { return sessions[e.View].View != "" && sessions[e.View].source() == "direct" }},
		"a source and a path": {"filter=source%3Dmail&filter=path%3D/p3", people,
			func(e dayEvent) bool { return sessions[e.View].source() == "mail" && e.Path == "/p3" }},
		"a medium": {"filter=utm_medium%3Dletter", people, func(e dayEvent) bool { return sessions[e.View].UTMMedium == "letter" }},
		"an event": {"filter=name%3Dsignup", people, func(e dayEvent) bool { return signups[e.View] }},
		"nothing":  {"filter=path%3D/none", nil, nil},
		"winter time begins": {"from=2026-10-23&to=2026-10-27&zone=Europe/Berlin",
			chosen("Europe/Berlin", october(23), october(27), person), nil},
		"one day of 25 hours": {"from=2026-10-25&to=2026-10-25&zone=Europe/Berlin",
			chosen("Europe/Berlin", october(25), october(25), person), nil},
		"west of UTC": {"from=2026-10-20&to=2026-10-26&zone=America/New_York",
			chosen("America/New_York", october(20), october(26), person), nil},
	} {
		all, entries := x.events, entriesOf(x.events, x.filter)
		if x.filter != nil {
			x.events = slices.DeleteFunc(slices.Clone(x.events), func(e dayEvent) bool { return !x.filter(e) })
		}
		views := sumViews(x.events)
		equal := func(panelName string, got, want []map[string]any) {
			t.Helper()
			if !slices.Equal(sortedLines(got), sortedLines(want)) {
				t.Errorf("%s, %s:\ngot  %v\nwant %v", panelName, name, sortedLines(got), sortedLines(want))
			}
		}
		equal("headline", panel("headline", x.query), []map[string]any{wantHeadline(views, entries)})
		equal("pages", panel("pages", x.query), wantPages(views))
		equal("sources", panel("sources", x.query), wantSources(entries))
		equal("when", without(panel("when", x.query), "hour"), wantCounts(x.events, "day", func(e dayEvent) string { return e.day }))
		equal("loss", panel("loss", x.query), wantLoss(views))
		if !slices.Contains([]string{"all", "one site", "bots too", "a source", "no source", "an event", "winter time begins"}, name) {
			continue
		}
		equal("browsers", panel("browsers", x.query), wantCounts(x.events, "browser", func(e dayEvent) string { return e.browser }))
		equal("devices", panel("devices", x.query), wantCounts(x.events, "device", func(e dayEvent) string {
			return map[bool]string{true: "NULL", false: "desktop"}[e.bot]
		}))
		equal("systems", panel("systems", x.query), wantCounts(x.events, "os", func(e dayEvent) string {
			return map[string]string{"Chrome": "Windows", "Firefox": "macOS", "Googlebot": "NULL"}[e.browser]
		}))
		equal("languages", panel("languages", x.query), wantCounts(x.events, "language", func(e dayEvent) string { return e.Language }))
		equal("screens", panel("screens", x.query), wantCounts(x.events, "screen", func(e dayEvent) string { return cmp.Or(e.Screen, "NULL") }))
		equal("countries", panel("countries", x.query), wantCounts(x.events, "country", func(e dayEvent) string { return e.country }))
		equal("campaigns", panel("campaigns", x.query), wantSessions(entries, "utm_campaign", func(e dayEvent) string { return e.Campaign }))
		equal("mediums", panel("mediums", x.query), wantSessions(entries, "utm_medium", func(e dayEvent) string { return e.UTMMedium }))
		equal("goals", panel("goals", x.query), wantGoals(x.events))
		equal("goalsources", only(panel("goalsources", x.query), "source", "goal", "visitors"), wantGoalSources(x.events, entries))
		equal("funnel-1", only(panel("funnel-1", x.query), "step", "visitors"), wantFunnel(x.events))
		equal("doubles", panel("doubles", x.query), wantWeights(x.events, "browser", "doubles", func(e dayEvent) string {
			return map[bool]string{true: e.browser}[e.twice]
		}))
		equal("hours", only(panel("hours", x.query), "hour", "views"), wantWeights(x.events, "hour", "views", func(e dayEvent) string {
			return map[bool]string{true: e.local.Format("15")}[e.Name == "view"]
		}))
		equal("ends", panel("ends", x.query), wantEnds(all, x.filter))
		equal("vitals", only(panel("vitals", x.query), "path", "lcp", "loads"), wantVitals(views))
		equal("events", only(panel("events", x.query), "name", "events"), wantWeights(x.events, "name", "events", func(e dayEvent) string {
			return map[bool]string{true: e.Name}[e.Name == "signup"]
		}))
		equal("errors", only(panel("errors", x.query), "message", "events", "pages", "last_seen"), wantErrors(x.events))
		equal("notfound", only(panel("notfound", x.query), "path", "views"), wantWeights(x.events, "path", "views", func(e dayEvent) string {
			return map[bool]string{true: e.Path}[e.Status == 404]
		}))
	}
	bots := map[string]float64{}
	for _, row := range panel("bots", "") {
		bots[row["bot_reason"].(string)] += row["views"].(float64)
	}
	views := map[string]float64{"no engagement": 12}
	views["agent"] = float64(len(chosen("UTC", week, now, func(e visitEvent) bool { return e.bot && e.Name == "view" })))
	if !maps.Equal(bots, views) {
		t.Errorf("bots: got %v, want %v", bots, views)
	}
	for i, rows := 1, panel("pages", ""); i < len(rows); i++ {
		if rows[i]["visitors"].(float64) > rows[i-1]["visitors"].(float64) {
			t.Errorf("pages are not in the order of visitors: %v", rows)
		}
	}
}

func TestQueryPanel_SameDays_SameNumbersAsThePage(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0", "--timezone", "UTC")
	importVisits(t, p, s.URL, viewsAt(time.Now().Add(-time.Hour), "/=a", 3))
	s.waitRows(3, "select id from beacons")
	out, errs, status := p.beacon("query", "--server", s.URL, "--panel", "pages", "--from", "30d", "--site", "https://s.example", "--filter", "browser=Firefox", "--format", "csv")
	if want := "path,visitors,views,seconds\n/=a,3,3,\n"; status != 0 || out != want {
		t.Errorf("got %q, %s, want %q", out, errs, want)
	}
	if out, want := s.text("/-/panel/pages?from=30d&format=csv"), "path,visitors,views,seconds\n/=a,3,3,\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if out := s.text("/?from=30d"); !strings.Contains(out, `>/=a</a>`) || !strings.HasSuffix(strings.TrimSpace(out), "</html>") {
		t.Errorf("the page is %s", out)
	}
}

func TestQueryPanel_HostileNumbers_PanelsAreAnswered(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0")
	for _, body := range []string{`"n":-9223372036854775808`, `"n":9223372036854775807`, `"n":9223372036854775807,"weight":1e308`, `"n":1,"weight":1e308`, `"n":1,"weight":-5`,
		`"n":1,"weight":1,"seconds":1e308,"lcp":-1e308`, `"n":2,"weight":1,"seconds":-3`} {
		s.post("/visits", "text/plain", `{"name":"view","view":"a","path":"/x",`+body+`}`)
		s.post("/visits", "text/plain", `{"name":"leave","view":"b","path":"=1+1",`+body+`}`)
	}
	if page := s.text("/?bots=1"); strings.Contains(page, `class="error"`) || !strings.HasSuffix(strings.TrimSpace(page), "</html>") {
		t.Errorf("the page is %s", page)
	}
	if table := s.text("/-/panel/pages?bots=1&format=csv"); !strings.Contains(table, "'=1+1,") {
		t.Errorf("the CSV is %s", table)
	}
}

func TestQueryPanel_WrongFlags_ErrorSaysWhatToWrite(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	for want, args := range map[string][]string{
		"ask for one of headline": {"--panel", "nothing"},
		"no SQL":                  {"--panel", "pages", "select 1"},
		"such as 7d":              {"--panel", "pages", "--from", "tomorrow"},
		"is after to":             {"--panel", "pages", "--from", "2026-11-02", "--to", "2026-11-01"},
		"with one of the":         {"--panel", "pages", "--filter", "ip=1"},
		"no time zone":            {"--panel", "pages", "--timezone", "Mars"},
	} {
		if _, errs, status := p.beacon(append([]string{"query", "--server", s.URL}, args...)...); status == 0 || !strings.Contains(errs, want) {
			t.Errorf("%q ends with %d, %s, want %q", args, status, errs, want)
		}
	}
}
