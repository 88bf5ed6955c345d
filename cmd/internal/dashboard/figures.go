package dashboard

import (
	"fmt"
	"math"
	"strconv"
)

// A figureView is a number with its change since the period before.
type figureView struct {
	Label, Value string
	Title        string // how it is computed, unless it is a column
	Change       string // such as ▲ +25 %; "" without a number before
	Before       string // such as 12 in the 7 days before
}

// figures returns the numbers of an answer's only row. Views per session follow if it has both.
func figures(a, before *Answer, period Period) (views []figureView) {
	if len(a.Rows) == 0 {
		return nil
	}
	var was []any
	if before != nil && len(before.Rows) > 0 && len(before.Columns) == len(a.Columns) {
		was = before.Rows[0]
	}
	for i, name := range a.Columns {
		v := figureView{Label: label(name), Value: format(name, a.Rows[0][i])}
		if was != nil {
			v.compare(a.Rows[0][i], was[i], func(x float64) string { return format(name, x) }, period)
		}
		views = append(views, v)
	}
	if is, ok := viewsPerSession(a.Columns, a.Rows[0]); ok {
		v := figureView{Label: "views per session", Value: decimal(is), Title: "Views divided by sessions. Too high while only a sample of the views is sent."}
		if then, ok := viewsPerSession(a.Columns, was); ok {
			v.compare(is, then, decimal, period)
		}
		views = append(views, v)
	}
	return views
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }

// viewsPerSession returns the quotient of two columns, if a row has both and there was a session.
func viewsPerSession(columns []string, row []any) (float64, bool) {
	var views, sessions float64
	for i, cell := range row {
		x, _ := cell.(float64)
		switch columns[i] {
		case "views":
			views = x
		case "sessions":
			sessions = x
		}
	}
	return views / sessions, sessions > 0
}

// compare sets Change and Before.
func (v *figureView) compare(is, was any, format func(float64) string, p Period) {
	then, ok := was.(float64)
	now, also := is.(float64)
	if !ok || !also {
		return
	}
	v.Before = fmt.Sprintf("%s in the %s", format(then), daysBefore(p))
	if then <= 0 {
		return
	}
	switch percent := math.Round(100 * (now/then - 1)); {
	case percent > 0:
		v.Change = fmt.Sprintf("▲ +%.0f %%", percent)
	case percent < 0:
		v.Change = fmt.Sprintf("▼ −%.0f %%", -percent)
	default:
		v.Change = "= 0 %"
	}
}

func daysBefore(p Period) string {
	if n := p.days(); n > 1 {
		return fmt.Sprintf("%d days before", n)
	}
	return "day before"
}
