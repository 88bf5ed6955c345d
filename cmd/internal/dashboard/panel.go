// Package dashboard answers the usual questions about a site from the events of the browser script. A panel is a file with
// one SELECT over v, the events that were asked for.
package dashboard

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed panels/*.sql
var files embed.FS

// A Panel is a question and its SQL.
type Panel struct {
	Name  string // of its file, without .sql
	Title string
	Chart string // figures, line or ranked
	Link  string // the column whose values are links that filter; "" for none
	SQL   string // a SELECT over v
}

// Panels returns the panels, sorted by name.
func Panels() []Panel {
	names, err := fs.Glob(files, "panels/*.sql")
	if err != nil {
		panic(err) // the pattern is constant
	}
	var panels []Panel
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err == nil {
			var p Panel
			if p, err = parse(strings.TrimSuffix(path.Base(name), ".sql"), string(text)); err == nil {
				panels = append(panels, p)
			}
		}
		if err != nil {
			panic("dashboard: " + name + ": " + err.Error()) // a test reads each
		}
	}
	return panels
}

var charts = []string{"figures", "line", "ranked"}

// parse reads a panel's file, whose first line is
//
//	-- TITLE | CHART [| LINK COLUMN]
func parse(name, text string) (Panel, error) {
	head, sql, _ := strings.Cut(text, "\n")
	fields := strings.Split(strings.TrimPrefix(head, "--"), "|")
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	p := Panel{Name: name, SQL: strings.TrimSpace(sql)}
	if !strings.HasPrefix(head, "--") || len(fields) < 2 || len(fields) > 3 || fields[0] == "" {
		return p, fmt.Errorf("the first line is %q: write -- TITLE | CHART, and after another | the column whose values are links", head)
	}
	p.Title, p.Chart = fields[0], fields[1]
	if len(fields) == 3 {
		p.Link = fields[2]
	}
	switch {
	case !slices.Contains(charts, p.Chart):
		return p, fmt.Errorf("there is no chart %q: write one of %s", p.Chart, strings.Join(charts, ", "))
	case p.SQL == "":
		return p, fmt.Errorf("there is no SQL below the first line")
	}
	return p, nil
}

// A Filter chooses the events of a panel.
type Filter struct {
	Stream   string    // of the script's events, such as /visits
	Site     string    // the pages' origin, such as https://shop.example; "" is all
	From, To time.Time // To is not included; zero is now
	Bots     bool      // with the events of bots
	Equal    []Equal
}

// An Equal requires a column's value.
type Equal struct{ Column, Value string }

// filterable are the columns of an Equal.
var filterable = []string{"path", "source", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
	"browser", "os", "device", "screen", "language", "name", "status", "visitor"}

// ParseEqual parses COLUMN=VALUE.
func ParseEqual(text string) (Equal, error) {
	column, value, ok := strings.Cut(text, "=")
	if !ok || !slices.Contains(filterable, column) {
		return Equal{}, fmt.Errorf("filter %q: write COLUMN=VALUE, with one of the columns %s", text, strings.Join(filterable, ", "))
	}
	return Equal{column, value}, nil
}

// Query returns the SQL of a panel with a filter. An event counts once, however often it arrived: its first row. An
// Equal of a column that only the event view has chooses all events of the views that have it.
func (p Panel) Query(f Filter) string {
	conditions := []string{"stream = " + literal(f.Stream), "view is not null", "received_at >= " + instant(f.From)}
	if !f.To.IsZero() {
		conditions = append(conditions, "received_at < "+instant(f.To))
	}
	if f.Site != "" {
		conditions = append(conditions, "origin = "+literal(f.Site))
	}
	if !f.Bots {
		conditions = append(conditions, "not bot")
	}
	sql := "with arrived as materialized (select distinct on (view, n) * from beacons where " + strings.Join(conditions, " and ") +
		" order by view, n, received_at), v as (select * from arrived"
	for i, e := range f.Equal {
		word := " where "
		if i > 0 {
			word = " and "
		}
		sql += fmt.Sprintf("%sview in (select view from arrived where cast(%s as varchar) = %s)", word, e.Column, literal(e.Value))
	}
	return sql + ")\nselect * from (\n" + p.SQL + "\n)"
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func instant(t time.Time) string {
	return "timestamptz " + literal(t.UTC().Format("2006-01-02 15:04:05.999999")+"+00")
}
