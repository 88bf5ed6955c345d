package dashboard

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"
)

// barChart returns a bar for each row, as high as its first number.
func barChart(title string, a *Answer, joined bool) template.HTML {
	isKey := keys(a.Columns, a.Rows)
	key, value := slices.Index(isKey, true), slices.Index(isKey, false)
	if len(a.Rows) == 0 || key < 0 || value < 0 {
		return ""
	}
	top := 0.0
	for _, row := range a.Rows {
		x, _ := row[value].(float64)
		top = max(top, x)
	}
	name := a.Columns[value]
	top = scaleTop(name, top)
	width, gap := chartWidth/float64(len(a.Rows)), 0.15
	if joined {
		gap = 0.02
	}
	var c chartWriter
	c.begin(fmt.Sprintf(`<span>%s</span>`, template.HTMLEscapeString(label(name))), format(name, top), format(name, top/2), title)
	labels := make([]string, len(a.Rows))
	for i, row := range a.Rows {
		x, _ := row[value].(float64)
		height := chartHeight * x / top
		c.add(`<rect class="column" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, (float64(i)+gap/2)*width, chartHeight-height, (1-gap)*width, height)
	}
	for i, row := range a.Rows {
		text := ""
		labels[i], text = barLabels(a.Columns[key], row[key])
		for j, cell := range row {
			if !isKey[j] {
				text += "\n" + label(a.Columns[j]) + ": " + format(a.Columns[j], cell)
			}
		}
		c.spot(float64(i)*width, float64(i+1)*width, text)
	}
	c.end(labels, func(i int) float64 { return (float64(i) + .5) * width / chartWidth * 100 })
	return template.HTML(c.String())
}

// barLabels returns the text of a bar on the axis, and in its tooltip.
func barLabels(column string, value any) (short, long string) {
	text := format(column, value)
	if day, err := time.Parse(time.DateOnly, text); err == nil && column == "day" {
		return day.Format("2 Jan"), day.Format("Mon 2 Jan 2006")
	}
	if hour, err := strconv.Atoi(text); err == nil && column == "hour" {
		return fmt.Sprintf("%d:00", hour), fmt.Sprintf("%d:00 to %d:00", hour, hour+1)
	}
	return text, text
}

// timeBars are the texts of the rows of the panel time, and what the page shows for them.
var timeBars = [][2]string{{"  0 s", "0–3 s"}, {"  3 s", "3–10 s"}, {" 10 s", "10–30 s"}, {" 30 s", "30–60 s"}, {"1 min", "1–3 min"}, {"3 min", "3–9 min"}, {"9 min", "9 min and more"}}

// withAllBars returns an answer for a chart: hours and seconds without a view have a row too.
func withAllBars(a *Answer) *Answer {
	if a == nil || len(a.Rows) == 0 || len(a.Columns) < 2 {
		return a
	}
	var bars [][2]string // the text of a row, and what is shown
	switch a.Columns[0] {
	case "hour":
		for hour := range 24 {
			text := fmt.Sprintf("%02d", hour)
			bars = append(bars, [2]string{text, text})
		}
	case "seconds":
		bars = timeBars
	default:
		return a
	}
	all := &Answer{Columns: a.Columns}
	for _, bar := range bars {
		row := make([]any, len(a.Columns))
		for i := range row {
			row[i] = 0.0
		}
		for _, known := range a.Rows {
			if text, ok := known[0].(string); ok && strings.TrimSpace(text) == strings.TrimSpace(bar[0]) {
				copy(row, known)
			}
		}
		row[0] = bar[1]
		all.Rows = append(all.Rows, row)
	}
	for _, known := range a.Rows { // a panel of the operator can have other texts
		if text, ok := known[0].(string); !ok || !slices.ContainsFunc(bars, func(bar [2]string) bool { return strings.TrimSpace(bar[0]) == strings.TrimSpace(text) }) {
			return a
		}
	}
	return all
}
