// Package dashboard answers the usual questions about a site from the events of the browser script, and shows the answers
// as a page. A panel is a question: a file with one SELECT over v, the events that were asked for.
package dashboard

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

//go:embed panels/*.sql
var files embed.FS

// groups are the panels of this package in the order of the page. Those of a group are tabs of one frame. Panels of the
// operator come after them, each in a frame of its own, and funnels after the goals.
var groups = [][]string{{"headline"}, {"when", "hours"}, {"pages", "ends", "time"}, {"sources", "mediums", "campaigns"},
	{"browsers", "systems", "devices", "screens", "languages", "countries"}, {"events"}, {"loss", "lossdays", "doubles", "bots"}, {"goals", "goalsources"}, {"funnel"},
	{"vitals"}, {"errors", "notfound"}}

// order is groups as one list.
var order = slices.Concat(groups...)

// A Panel is a question and its SQL.
type Panel struct {
	Name  string // of its file, without .sql
	Title string
	Chart string // one of charts
	Link  string // the column whose values are links that filter; "" for none
	// Additive is whether the answers for two spans of time can be added: text is what a row is about, numbers are summed,
	// and p50, p75, ratio, latest and uniq are merged. The answers of past days are then kept.
	Additive bool
	SQL      string // a SELECT over v
	narrow   bool   // SQL uses no columns of events but narrowColumns
}

var charts = []string{"figures", "line", "sparkline", "bars", "ranked", "histogram", "table"}

// Panels returns the panels in the order of the page. A file NAME.sql of the folder dir replaces the panel of that name,
// or is a further one; more are those of ParseGoals. dir may be "". A file that can't be used is an error.
func Panels(dir string, more ...Panel) ([]Panel, error) {
	byName := map[string]Panel{}
	names, err := read(byName, files, "panels")
	for name, p := range byName {
		p.narrow = true
		byName[name] = p
	}
	if dir != "" && err == nil {
		var own []string
		if own, err = read(byName, os.DirFS(dir), "."); err == nil && len(own) == 0 {
			err = fmt.Errorf("%s has no file that ends in .sql", dir)
		}
		names = append(names, own...)
	}
	if err != nil {
		return nil, err
	}
	for _, p := range more {
		p.narrow = true
		byName[p.Name] = p
		names = append(names, p.Name)
	}
	place := func(name string) int {
		name, _, _ = strings.Cut(name, "-")
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	var panels []Panel
	for i, name := range names {
		if !slices.Contains(names[:i], name) {
			panels = append(panels, byName[name])
		}
	}
	return panels, nil
}

// read reads the panels of a folder and returns their names in order.
func read(into map[string]Panel, from fs.FS, dir string) (names []string, err error) {
	found, err := fs.Glob(from, path.Join(dir, "*.sql"))
	if err == nil && len(found) == 0 {
		_, err = fs.ReadDir(from, dir)
	}
	for _, file := range found {
		text, readErr := fs.ReadFile(from, file)
		name := strings.TrimSuffix(path.Base(file), ".sql")
		p, parseErr := parse(name, string(text))
		if problem := errors.Join(readErr, parseErr); problem != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", file, problem))
		}
		into[name] = p
		names = append(names, name)
	}
	return names, err
}

// parse reads a panel's file, whose first line is
//
//	-- TITLE | CHART [| LINK COLUMN] [| additive]
func parse(name, text string) (Panel, error) {
	head, sql, _ := strings.Cut(text, "\n")
	fields := strings.Split(strings.TrimPrefix(head, "--"), "|")
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	p := Panel{Name: name, SQL: strings.TrimRight(strings.TrimSpace(sql), "; \n")}
	if n := len(fields) - 1; fields[n] == "additive" {
		p.Additive, fields = true, fields[:n]
	}
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
	case p.Link != "" && !slices.Contains(filterable, p.Link):
		return p, fmt.Errorf("no filter has the column %q: write one of %s", p.Link, strings.Join(filterable, ", "))
	case p.SQL == "":
		return p, errors.New("there is no SQL below the first line")
	}
	return p, nil
}
