package dashboard

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
)

// A panelView is what the template of a panel shows.
type panelView struct {
	Panel      Panel
	Error      string
	Chart      template.HTML
	Table      *tableView
	Empty      string // the reason that it has no rows
	Single     bool
	Size       string // the class of the frame's width
	ID         string // of the frame
	Tabs       []link
	Rows       string // the text of the link to all rows
	Alone, CSV string // URLs
	SQL        string // the whole query
}

// sizes are the widths of frames. All panels of a frame have the same.
var sizes = map[string]string{"headline": "wide", "when": "wide", "vitals": "wide", "errors": "wide", "pages": "double", "events": "double", "goals": "double"}

// size returns the class of a panel's frame; "" is the width of one column.
func (p *page) size(panel Panel) string {
	if p.single {
		return "wide"
	}
	if size, known := sizes[frameID(panel.Name)]; known {
		return size
	}
	if slices.Contains(order, panel.Name) || panel.Chart != "figures" && panel.Chart != "line" {
		return ""
	}
	return "wide"
}

// panel returns what is shown of an answer, or of the error of its query.
func (p *page) panel(panel Panel, a *Answer, err error, before *Answer) panelView {
	q := p.filter.query()
	view := panelView{Panel: panel, ID: frameID(panel.Name), Single: p.single, Size: p.size(panel), SQL: panel.Query(p.filter), Rows: "Table and SQL"}
	q.Set("format", "csv")
	view.CSV = "/-/panel/" + url.PathEscape(panel.Name) + "?" + q.Encode()
	q.Del("format")
	q.Set("panel", panel.Name)
	view.Alone = "/?" + q.Encode()
	if err != nil {
		view.Error, view.Rows = brokenText(panel, err), "SQL"
		return view
	}
	switch panel.Chart {
	case "figures":
		var html strings.Builder
		pageTemplate.ExecuteTemplate(&html, "figures", figures(a, before, p.filter.Period))
		view.Chart = template.HTML(html.String())
	case "line", "sparkline":
		view.Chart = lineChart(panel.Title, series(a, p.filter.Period, p.now), series(before, p.filter.Period.before(p.now), p.now), a.Columns)
	case "bars", "histogram":
		a, before = withAllBars(a), withAllBars(before)
		view.Chart = barChart(panel.Title, a, panel.Chart == "histogram")
	}
	if view.Chart == "" && len(a.Rows) == 0 {
		view.Empty = emptyText(panel)
	}
	most := rowsOnPage
	if p.single {
		most = rowsAlone
	}
	if len(a.Rows) == 0 || view.Chart != "" && !p.single {
		return view
	}
	view.Table = p.table(panel, a, before, most, view.Size != "")
	switch n := len(a.Rows); {
	case a.Cut && p.single:
		view.Rows = fmt.Sprintf("The first %d of more than %s rows", most, number(MaxRows))
	case p.single && n > most:
		view.Rows = fmt.Sprintf("The first %d of %s rows; all are in the", most, number(float64(n)))
	case p.single:
		view.Rows = fmt.Sprintf("%d rows", n)
		if n == 1 {
			view.Rows = "1 row"
		}
	case n > most:
		view.Rows = fmt.Sprintf("%s rows and SQL", number(float64(n)))
	}
	return view
}
