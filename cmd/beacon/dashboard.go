package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // for systems without time zones, such as Windows

	"github.com/spf13/pflag"

	"github.com/seed-d051cf5a/beacon/cmd/internal/dashboard"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/collect"
)

// dashboardDir is the folder, in the data folder, of the panels' answers about past days.
const dashboardDir = "dashboard"

// panelPath is the path of the panels' answers.
const panelPath = collect.Operators + "panel/"

// dashboardOptions are the flags of the dashboard.
type dashboardOptions struct {
	panels, goals string
	zones         []string

	parsed []dashboard.Panel
	zoneOf map[string]*time.Location
}

func (o *dashboardOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.panels, "panels", "", "`folder` of panels, NAME.sql files, that the dashboard shows too or in place of its own")
	f.StringVar(&o.goals, "goals", "", "`file` of goals and funnels, one a line: goal NAME = path /thanks, goal NAME = event signup, or funnel NAME = path /cart > event paid")
	f.StringArrayVar(&o.zones, "timezone", nil, "`zone` such as Europe/Berlin in which the dashboard's days begin, or SITE=ZONE for one site, such as https://shop.example=Europe/Berlin; may be repeated; the default is this machine's")
}

// check reads the panels, the goals and the time zones.
func (o *dashboardOptions) check() (err error) {
	var goals []dashboard.Panel
	if o.goals != "" {
		file, err := os.Open(o.goals)
		if err != nil {
			return fmt.Errorf("--goals: %w", err)
		}
		defer file.Close()
		if goals, err = dashboard.ParseGoals(file); err != nil {
			return fmt.Errorf("--goals %s: %w", o.goals, err)
		}
	}
	if o.parsed, err = dashboard.Panels(o.panels, goals...); err != nil {
		return fmt.Errorf("--panels: %w", err)
	}
	o.zoneOf = map[string]*time.Location{"": time.Local}
	for _, text := range o.zones {
		site, zone, ok := cutLast(text, "=")
		if !ok {
			site, zone = "", text
		}
		location, err := time.LoadLocation(zone)
		if err != nil || zone == "" {
			return fmt.Errorf("--timezone %q: there is no such time zone: write one like Europe/Berlin or UTC, or https://shop.example=Europe/Berlin", text)
		}
		o.zoneOf[strings.TrimSuffix(site, "/")] = location
	}
	return nil
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// zone returns the time zone of a site, or of all for "".
func (o *dashboardOptions) zone(site string) *time.Location {
	if l := o.zoneOf[site]; l != nil {
		return l
	}
	return o.zoneOf[""]
}

func newBoard(o *dashboardOptions, t *tableService, stream, data string, log *slog.Logger) *dashboard.Board {
	return dashboard.New(dashboard.Options{
		Panels: o.parsed, Table: panelTable{t}, Stream: stream, Zone: o.zone, Lacks: t.lacks, Dir: filepath.Join(data, dashboardDir), Log: log,
	})
}

// panelTable is the table as the dashboard asks it.
type panelTable struct{ *tableService }

func (t panelTable) Hold(ctx context.Context) (dashboard.State, error) {
	snapshot, err := t.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &panelState{snapshot, t.pool}, nil
}

type panelState struct {
	*table.Snapshot
	pool *query.Pool
}

func (s *panelState) Complete() bool { return s.Behind == 0 }

func (s *panelState) Revision() int64 { return s.Snapshot.Revision }

func (s *panelState) Ask(ctx context.Context, from, to time.Time, steps []dashboard.Step, each func(i int, a *dashboard.Answer, err error)) error {
	r := query.SeriesRequest{View: s.ViewBetween(from, to)}
	for _, step := range steps {
		r.Steps = append(r.Steps, query.Step(step))
	}
	return s.pool.Series(ctx, r, func(i int, rows *query.Rows, err error) error {
		if err != nil {
			each(i, nil, err)
			return ctx.Err()
		}
		a := &dashboard.Answer{Columns: slices.Clone(rows.Columns()), Rows: [][]any{}}
		for rows.Next() {
			if err := a.AddRow(rows.Row()); err != nil {
				each(i, nil, err)
				return nil
			}
		}
		if err := rows.Err(); err != nil {
			each(i, nil, err)
			return nil
		}
		each(i, a, nil)
		return nil
	})
}

// lacks says which rows no answer has, or "".
func (t *tableService) lacks() string {
	var lacks []string
	if behind := t.behind.Load(); behind > 0 {
		lacks = append(lacks, fmt.Sprintf("The newest beacons, %s of the inbox, are not in these numbers yet. If this stays, the disk may be full: the collector's log says why.", inBytes(float64(behind))))
	}
	if damaged := t.table.Status().Damaged; len(damaged) > 0 {
		lacks = append(lacks, fmt.Sprintf("%d files of the table are damaged, and their rows are missing here: the page Live and 'beacon table files' name them.", len(damaged)))
	}
	return strings.Join(lacks, " ")
}

// panelHandler answers GET /-/panel/NAME with the filter of the URL's query: as lines of JSON like those of QueryHandler, or
// as CSV with format=csv.
func panelHandler(b *dashboard.Board, t *tableService, o *dashboardOptions, stream string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Ask with GET", http.StatusMethodNotAllowed)
			return
		}
		q := r.URL.Query()
		if format := q.Get("format"); format != "" && format != "json" && format != "csv" {
			http.Error(w, fmt.Sprintf("There is no format %q: write json, for an array on each line, or csv.", format), http.StatusBadRequest)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, panelPath)
		panel, err := b.Panel(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		zone := o.zone
		if name := q.Get("zone"); name != "" {
			location, err := time.LoadLocation(name)
			if err != nil {
				http.Error(w, fmt.Sprintf("There is no time zone %q: write one like Europe/Berlin or UTC.", name), http.StatusBadRequest)
				return
			}
			zone = func(string) *time.Location { return location }
		}
		f, err := dashboard.ParseFilter(q, cmp.Or(q.Get("stream"), stream), time.Now(), zone)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var answer *dashboard.Answer
		var failure error
		err = b.Ask(r.Context(), []dashboard.Question{{Panel: panel, Filter: f}}, func(_ int, a *dashboard.Answer, err error) { answer, failure = a, err })
		if err := errors.Join(err, failure); err != nil {
			answerError(w, err)
			return
		}
		if q.Get("format") == "csv" {
			writeCSV(w, name, answer)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		out.Encode(answer.Columns)
		for _, row := range answer.Rows {
			out.Encode(row)
		}
		n := int64(len(answer.Rows))
		out.Encode(ending{Rows: &n, Missing: gapsOf(t.table.Status().Damaged)})
	})
}

func writeCSV(w http.ResponseWriter, name string, a *dashboard.Answer) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	out := csv.NewWriter(w)
	out.Write(a.Columns)
	for _, row := range a.Rows {
		line := make([]string, len(row))
		for i, cell := range row {
			switch x := cell.(type) {
			case nil:
			case float64:
				line[i] = strconv.FormatFloat(x, 'f', -1, 64)
			default:
				line[i] = fmt.Sprint(x)
				if strings.ContainsAny(line[i][:min(1, len(line[i]))], "=+-@\t\r") { // a spreadsheet would run it as a formula
					line[i] = "'" + line[i]
				}
			}
		}
		out.Write(line)
	}
	out.Flush()
}

// facts are what the collector has counted since its start and the table does not have.
func facts(c *collect.Collector) func() []dashboard.Fact {
	return func() []dashboard.Fact {
		s := c.Stats()
		refused, ignored := uint64(0), uint64(0)
		for _, n := range s.Refused {
			refused += n
		}
		for _, n := range s.GetsIgnored {
			ignored += n
		}
		return []dashboard.Fact{
			{Label: "Beacons stored", Value: fmt.Sprint(s.Accepted), About: "of all streams, doubles included; an event of the script is a beacon"},
			{Label: "Beacons refused", Value: fmt.Sprint(refused), About: "too large, too many, or of an origin that is not allowed; /-/metrics has the reasons"},
			{Label: "Beacons announced but not sent", Value: fmt.Sprint(s.PreflightsOrphaned), About: "the browser asked for permission (a CORS preflight), and then its page was closed"},
			{Label: "GET requests not stored", Value: fmt.Sprint(ignored), About: "with data in the URL, but not for a picture; serve --get STREAM stores them"},
		}
	}
}
