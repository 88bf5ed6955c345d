//go:build unix

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A visitEvent is an event of a generated visit, as the browser script sends it.
type visitEvent struct {
	Name      string         `json:"name"`
	View      string         `json:"view"`
	N         int            `json:"n"`
	Path      string         `json:"path"`
	Weight    float64        `json:"weight"`
	Title     string         `json:"title,omitempty"`
	Source    string         `json:"source,omitempty"`
	UTMSource string         `json:"utm_source,omitempty"`
	UTMMedium string         `json:"utm_medium,omitempty"`
	Language  string         `json:"language,omitempty"`
	Status    int            `json:"status,omitempty"`
	Seconds   float64        `json:"seconds,omitempty"`
	LCP       float64        `json:"lcp,omitempty"`
	Props     map[string]any `json:"props,omitempty"`

	at              time.Time
	visitor, site   string
	agent, browser  string
	twice, bot, old bool
}

// generateVisits returns events of two sites within the last days, some of them twice, of bots, or too old.
func generateVisits(now time.Time) (events []visitEvent) {
	random := rand.New(rand.NewPCG(1, 2))
	agents := []struct{ agent, browser string }{
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "Chrome"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"},
	}
	for v := range 300 {
		a := agents[random.IntN(len(agents))]
		at := now.Add(-time.Duration(2+random.IntN(9*24))*time.Hour + 20*time.Minute)
		e := visitEvent{
			View: fmt.Sprintf("%016x", v), Path: fmt.Sprintf("/p%d", random.IntN(6)), Weight: float64(1 + 9*random.IntN(2)),
			visitor: fmt.Sprintf("%016x", random.IntN(40)), site: fmt.Sprintf("https://s%d.example", random.IntN(2)),
			agent: a.agent, browser: a.browser, bot: a.browser == "Googlebot",
		}
		add := func(name string, after time.Duration, change func(*visitEvent)) {
			e.N++
			next := e
			next.Name, next.at, next.twice = name, at.Add(after), random.IntN(5) == 0
			next.old = next.at.Before(now.Add(-7 * 24 * time.Hour))
			change(&next)
			if random.IntN(12) > 0 { // else it is lost
				events = append(events, next)
			}
		}
		add("view", 0, func(n *visitEvent) {
			n.Title = "Title"
			n.Source = []string{"", "search.example", "social.example"}[random.IntN(3)]
			n.UTMSource = []string{"", "", "mail"}[random.IntN(3)]
			n.Status = []int{0, 0, 0, 404}[random.IntN(4)]
			n.Language = "en"
		})
		if random.IntN(3) == 0 {
			add("signup", time.Second, func(n *visitEvent) { n.Props = map[string]any{"plan": "pro"} })
		}
		if random.IntN(4) == 0 {
			add("error", 2*time.Second, func(n *visitEvent) { n.Props = map[string]any{"message": fmt.Sprintf("error %d", random.IntN(3))} })
		}
		for i := range 1 + random.IntN(2) {
			add("leave", time.Duration(5+i)*time.Second, func(n *visitEvent) {
				n.Seconds = math.Round(random.Float64()*100*float64(i+1)) / 10
				n.LCP = float64(100 + random.IntN(3000))
			})
		}
	}
	return events
}

// importVisits imports events as records, in the order of their times.
func importVisits(t *testing.T, p *place, url string, events []visitEvent) {
	t.Helper()
	var file bytes.Buffer
	for _, e := range events {
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for copies := 0; copies == 0 || copies == 1 && e.twice; copies++ {
			r := warc.Record{
				ID: uuid.New(), Date: e.at.Add(time.Duration(copies) * time.Millisecond), Target: "http://127.0.0.1/visits",
				Extra: warc.Fields{{Name: "Beacon-Visitor", Value: e.visitor}},
				Request: warc.Request{Method: http.MethodPost, Target: "/visits", Proto: "HTTP/1.1", Body: body, Header: warc.Fields{
					{Name: "Content-Type", Value: "text/plain;charset=UTF-8"}, {Name: "Origin", Value: e.site}, {Name: "User-Agent", Value: e.agent}}},
			}
			b, err := r.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			file.Write(b)
		}
	}
	cmd := p.command("command", "import", "--server", url, "-")
	cmd.Stdin = &file
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// A viewSum is what the panels compute of one view.
type viewSum struct {
	visitEvent
	names   map[string]bool
	last    int
	numbers map[int]bool
}

// sumViews computes a second time what the CTE v and a grouping by view have.
func sumViews(events []visitEvent) (views []*viewSum) {
	byID := map[string]*viewSum{}
	for _, e := range events {
		v := byID[e.View]
		if v == nil {
			v = &viewSum{visitEvent: e, names: map[string]bool{}, numbers: map[int]bool{}}
			byID[e.View] = v
			views = append(views, v)
		}
		if e.at.Before(v.at) {
			v.at = e.at
		}
		v.names[e.Name] = true
		v.numbers[e.N] = true
		v.last = max(v.last, e.N)
		v.Seconds, v.LCP = max(v.Seconds, e.Seconds), max(v.LCP, e.LCP)
	}
	return views
}

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
		equal("errors", len(panel("errors", x.args...)), len(distinct(x.events, func(e visitEvent) string {
			if e.Name != "error" {
				return ""
			}
			return fmt.Sprint(e.Props["message"])
		})))
	}
	for _, name := range panelNames() {
		panel(name) // each runs
	}
}

func sortedBy(rows []map[string]any, column string) []map[string]any {
	slices.SortFunc(rows, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a[column]), fmt.Sprint(b[column])) })
	return rows
}

func distinct(events []visitEvent, key func(visitEvent) string) map[string]bool {
	keys := map[string]bool{}
	for _, e := range events {
		if k := key(e); k != "" {
			keys[k] = true
		}
	}
	return keys
}

// median returns the median of seconds above 0, to a tenth, or nil without any.
func median(seconds []float64) any {
	if len(seconds) == 0 {
		return nil
	}
	slices.Sort(seconds)
	m := len(seconds) / 2
	if len(seconds)%2 == 0 {
		return math.Round((seconds[m-1]+seconds[m])/2*10) / 10
	}
	return seconds[m]
}

func wantHeadline(views []*viewSum) map[string]any {
	visitors := map[string][]time.Time{}
	weight, seconds := 0.0, []float64{}
	for _, v := range views {
		visitors[v.visitor] = append(visitors[v.visitor], v.at)
		weight += v.Weight
		if v.names["leave"] {
			seconds = append(seconds, v.Seconds)
		}
	}
	sessions := 0
	for _, times := range visitors {
		slices.SortFunc(times, time.Time.Compare)
		for i, at := range times {
			if i == 0 || at.Sub(times[i-1]) > 30*time.Minute {
				sessions++
			}
		}
	}
	row := map[string]any{"visitors": len(visitors), "sessions": sessions, "views": any(nil), "seconds": median(seconds)}
	if len(views) > 0 {
		row["views"] = weight
	}
	return row
}

func wantPages(views []*viewSum) []map[string]any {
	byPath := map[string][]*viewSum{}
	for _, v := range views {
		byPath[v.Path] = append(byPath[v.Path], v)
	}
	var rows []map[string]any
	for path, views := range byPath {
		visitors, weight, seconds := map[string]bool{}, 0.0, []float64{}
		for _, v := range views {
			visitors[v.visitor] = true
			weight += v.Weight
			if v.names["leave"] {
				seconds = append(seconds, v.Seconds)
			}
		}
		rows = append(rows, map[string]any{"path": path, "visitors": len(visitors), "views": weight, "seconds": median(seconds)})
	}
	return ranked(rows, "views", "path")
}

func wantCounts(events []visitEvent, column string, key func(visitEvent) string) []map[string]any {
	visitors, weights := map[string]map[string]bool{}, map[string]float64{}
	for _, e := range events {
		if e.Name != "view" {
			continue
		}
		k := key(e)
		if visitors[k] == nil {
			visitors[k] = map[string]bool{}
		}
		visitors[k][e.visitor] = true
		weights[k] += e.Weight
	}
	var rows []map[string]any
	for _, k := range slices.Sorted(maps.Keys(weights)) {
		rows = append(rows, map[string]any{column: k, "visitors": len(visitors[k]), "views": weights[k]})
	}
	return ranked(rows, "views", column)
}

func wantLoss(views []*viewSum) []map[string]any {
	byBrowser := map[string]map[string]any{}
	for _, v := range views {
		r := byBrowser[v.browser]
		if r == nil {
			r = map[string]any{"browser": v.browser, "views": 0, "events": 0, "gaps": 0, "without_leave": 0}
			byBrowser[v.browser] = r
		}
		r["views"] = r["views"].(int) + 1
		r["events"] = r["events"].(int) + v.last
		r["gaps"] = r["gaps"].(int) + v.last - len(v.numbers)
		if !v.names["leave"] {
			r["events"] = r["events"].(int) + 1
			r["without_leave"] = r["without_leave"].(int) + 1
		}
	}
	return ranked(slices.Collect(maps.Values(byBrowser)), "views", "browser")
}

// ranked sorts rows by a number, the largest first, and then by a text.
func ranked(rows []map[string]any, number, text string) []map[string]any {
	value := func(r map[string]any) float64 {
		var f float64
		fmt.Sscan(fmt.Sprint(r[number]), &f)
		return f
	}
	slices.SortFunc(rows, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(value(b), value(a)), strings.Compare(fmt.Sprint(a[text]), fmt.Sprint(b[text])))
	})
	return rows
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
