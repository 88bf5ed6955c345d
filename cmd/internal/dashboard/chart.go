package dashboard

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// Charts are inline SVG. Their texts are HTML beside it, since SVG that is stretched to its frame would distort them.

// A point is a place on the horizontal axis, with a number for each line.
type point struct {
	label  string
	values []float64
}

// series returns the points of a line panel, whose first columns are day and hour: hours in a period of two days at most,
// else days. Days without a row are 0. Those that have not begun are left out.
func series(a *Answer, period Period, now time.Time) (points []point) {
	if a == nil || len(a.Columns) < 3 || a.Columns[0] != "day" || a.Columns[1] != "hour" {
		return nil
	}
	rows := map[string][]float64{}
	for _, row := range a.Rows {
		key := fmt.Sprint(row[0])
		if row[1] != nil {
			key += " " + fmt.Sprint(row[1])
		}
		if rows[key] == nil {
			rows[key] = make([]float64, len(row)-2)
		}
		for i, value := range row[2:] {
			x, _ := value.(float64)
			rows[key][i] += x
		}
	}
	hourly := period.days() <= 2
	for number := dayNumber(period.From); ; number++ {
		day := dayStart(number, period.From.Location())
		if !day.Before(period.To) || day.After(now) {
			return points
		}
		hours := 1
		if hourly {
			hours = 24
		}
		for hour := range hours {
			key, text := day.Format(time.DateOnly), day.Format("Mon 2 Jan 2006")
			if hourly {
				if at := day.Add(time.Duration(hour) * time.Hour); at.After(now) || !at.Before(period.To) {
					break
				}
				key, text = fmt.Sprintf("%s %02d", key, hour), fmt.Sprintf("%s, %d:00", text, hour)
			}
			values := rows[key]
			if values == nil {
				values = make([]float64, len(a.Columns)-2)
			}
			points = append(points, point{text, values})
		}
	}
}

const (
	chartWidth  = 1000
	chartHeight = 200
)

// lineChart returns a line for each column after day and hour, and a dashed one for the first column in the time before.
func lineChart(title string, points, before []point, columns []string) template.HTML {
	if len(points) == 0 {
		return ""
	}
	top := 1.0
	for _, p := range append(points, before...) {
		for _, x := range p.values {
			top = max(top, x)
		}
	}
	top = roundUp(top)
	n := max(len(points), len(before), 2)
	x := func(i int) float64 { return float64(i) * chartWidth / float64(n-1) }
	y := func(v float64) float64 { return chartHeight * (1 - v/top) }
	path := func(points []point, column int) string {
		var d strings.Builder
		for i, p := range points {
			fmt.Fprintf(&d, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x(i), y(p.values[column]))
		}
		if len(points) == 1 {
			d.WriteString("h1")
		}
		return d.String()
	}
	var b strings.Builder
	total := make([]float64, len(points[0].values))
	for _, p := range points {
		for i, v := range p.values {
			total[i] += v
		}
	}
	var sums, legend []string
	for i, sum := range total {
		name := template.HTMLEscapeString(label(columns[i+2]))
		sums = append(sums, number(sum)+" "+name)
		legend = append(legend, fmt.Sprintf(`<span class="key line%d">%s</span>`, i, name))
	}
	if len(before) > 0 {
		legend = append(legend, fmt.Sprintf(`<span class="key past">%s before</span>`, template.HTMLEscapeString(label(columns[2]))))
	}
	fmt.Fprintf(&b, `<figure class="chart"><p class="axis"><span aria-hidden="true">%s</span><span class="legend">%s</span></p>`, number(top), strings.Join(legend, " "))
	fmt.Fprintf(&b, `<svg role="img" aria-label="%s: %s from %s to %s" viewBox="0 0 %d %d" preserveAspectRatio="none">`,
		template.HTMLEscapeString(title), strings.Join(sums, ", "), points[0].label, points[len(points)-1].label, chartWidth, chartHeight)
	fmt.Fprintf(&b, `<path class="grid" d="M0 %d H%d M0 .5 H%[2]d"/>`, chartHeight/2, chartWidth)
	if len(before) > 0 && len(before[0].values) > 0 {
		fmt.Fprintf(&b, `<path class="past" d="%s"/>`, path(before, 0))
	}
	for i := len(total) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, `<path class="line%d" d="%s"/>`, i, path(points, i))
	}
	for i, p := range points {
		var texts []string
		for j, v := range p.values {
			texts = append(texts, number(v)+" "+template.HTMLEscapeString(label(columns[j+2])))
		}
		width := chartWidth / float64(n-1)
		fmt.Fprintf(&b, `<rect class="spot" x="%.1f" width="%.1f" height="%d"><title>%s: %s</title></rect>`, x(i)-width/2, width, chartHeight, p.label, strings.Join(texts, ", "))
	}
	last := points[len(points)-1].label
	if len(before) > len(points) {
		last = ""
	}
	fmt.Fprintf(&b, `</svg><p class="axis" aria-hidden="true"><span>%s</span><span>%s</span></p></figure>`, points[0].label, last)
	return template.HTML(b.String())
}

// barChart returns a bar for each row, as high as its first number.
func barChart(title string, a *Answer, joined bool) template.HTML {
	isKey := keys(a.Columns, a.Rows)
	key, value := -1, -1
	for i := len(isKey) - 1; i >= 0; i-- {
		if isKey[i] {
			key = i
		} else {
			value = i
		}
	}
	if len(a.Rows) == 0 || key < 0 || value < 0 {
		return `<p class="quiet">Nothing in this time</p>`
	}
	top := 0.0
	for _, row := range a.Rows {
		x, _ := row[value].(float64)
		top = max(top, x)
	}
	name := a.Columns[value]
	largest := format(name, top)
	if top == 0 {
		top = 1
	}
	width, gap := chartWidth/float64(len(a.Rows)), 0.15
	if joined {
		gap = 0.02
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<figure class="chart"><p class="axis" aria-hidden="true"><span>%s %s</span></p><svg role="img" aria-label="%s" viewBox="0 0 %d %d" preserveAspectRatio="none">`,
		largest, template.HTMLEscapeString(label(name)), template.HTMLEscapeString(title), chartWidth, chartHeight)
	for i, row := range a.Rows {
		x, _ := row[value].(float64)
		height := chartHeight * x / top
		fmt.Fprintf(&b, `<rect class="column" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s: %s</title></rect>`,
			(float64(i)+gap/2)*width, chartHeight-height, (1-gap)*width, height, template.HTMLEscapeString(format(a.Columns[key], row[key])), format(name, x))
	}
	fmt.Fprintf(&b, `</svg><p class="axis" aria-hidden="true"><span>%s</span><span>%s</span></p></figure>`,
		template.HTMLEscapeString(format(a.Columns[key], a.Rows[0][key])), template.HTMLEscapeString(format(a.Columns[key], a.Rows[len(a.Rows)-1][key])))
	return template.HTML(b.String())
}

// roundUp returns the next number that is 1, 2, 3, 4, 5, 6 or 8 times a power of ten.
func roundUp(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	for _, step := range []float64{1, 2, 3, 4, 5, 6, 8} {
		if step*unit >= x {
			return step * unit
		}
	}
	return 10 * unit
}
