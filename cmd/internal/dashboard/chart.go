package dashboard

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Charts are inline SVG. Their texts are HTML beside it, since SVG that is stretched to its frame would distort them.

// A point is a place on the horizontal axis, with a number for each line.
type point struct {
	label  string // such as Tue 1 Dec 2026
	short  string // such as 1 Dec, for the axis
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
			key, text, short := day.Format(time.DateOnly), day.Format("Mon 2 Jan 2006"), day.Format("2 Jan")
			if hourly {
				if at := day.Add(time.Duration(hour) * time.Hour); at.After(now) || !at.Before(period.To) {
					break
				}
				key, text = fmt.Sprintf("%s %02d", key, hour), fmt.Sprintf("%s, %d:00", text, hour)
				if hour > 0 {
					short = fmt.Sprintf("%d:00", hour)
				}
			}
			values := rows[key]
			if values == nil {
				values = make([]float64, len(a.Columns)-2)
			}
			points = append(points, point{text, short, values})
		}
	}
}

const (
	chartWidth  = 1000
	chartHeight = 200
	mostTicks   = 7 // labels on the horizontal axis
)

// A chartWriter writes one chart.
type chartWriter struct {
	strings.Builder
}

func (c *chartWriter) add(format string, args ...any) { fmt.Fprintf(c, format, args...) }

// begin writes the legend and what is before the shapes. top and middle are the values of the vertical axis.
func (c *chartWriter) begin(legend, top, middle, about string) {
	c.add(`<figure class="chart"><p class="legend">%s</p><p class="scale" aria-hidden="true"><span>%s</span><span>%s</span><span>0</span></p><div class="plot">`, legend, top, middle)
	c.add(`<svg class="shapes" role="img" aria-label="%s" viewBox="0 0 %d %d" preserveAspectRatio="none">`, template.HTMLEscapeString(about), chartWidth, chartHeight)
	c.add(`<path class="grid" d="M0 %dH%d M0 .5H%[2]d M0 %[3]dH%[2]d"/>`, chartHeight/2, chartWidth, chartHeight)
}

// end writes what is after the shapes. x returns the place of the label i, in percent.
func (c *chartWriter) end(labels []string, x func(i int) float64) {
	c.add(`</svg><p class="tip" hidden></p></div><svg class="dates" aria-hidden="true" width="100%%" height="16">`)
	for _, i := range ticks(len(labels)) {
		at, anchor := x(i), ""
		switch {
		case at < 3:
			anchor = ` class="first"`
		case at > 97:
			anchor = ` class="last"`
		case at > 85 && utf8.RuneCountInString(labels[i]) > 8: // it could leave the frame
			at, anchor = 100, ` class="last long"`
		}
		c.add(`<text%s x="%.1f%%" y="12">%s</text>`, anchor, at, template.HTMLEscapeString(labels[i]))
	}
	c.add(`</svg></figure>`)
}

// ticks returns which of n labels are shown: the first, those at equal steps, and the last one if there is room for it.
func ticks(n int) (shown []int) {
	step := max((n-1+mostTicks-2)/(mostTicks-1), 1)
	for i := 0; i < n; i += step {
		shown = append(shown, i)
	}
	if rest := n - 1 - shown[len(shown)-1]; 10*rest >= 7*step {
		shown = append(shown, n-1)
	}
	return shown
}

// spot returns the area of a point, from left to right. dashboard.js shows its title as a tooltip.
func (c *chartWriter) spot(left, right float64, title string) {
	left, right = math.Round(max(left, 0)), math.Round(min(right, chartWidth))
	c.add(`<rect class="spot" x="%.0f" width="%.0f"><title>%s</title></rect>`, left, right-left, template.HTMLEscapeString(title))
}

// lineChart returns a line for each column after day and hour, and a dotted one for the first column in the time before.
func lineChart(title string, points, before []point, columns []string) template.HTML {
	if len(points) == 0 {
		return ""
	}
	top := 1.0
	for _, p := range slices.Concat(points, before) {
		for _, x := range p.values {
			top = max(top, x)
		}
	}
	top = roundUp(top)
	n := max(len(points), len(before), 2)
	x := func(i int) float64 { return float64(i) * chartWidth / float64(n-1) }
	path := func(class string, points []point, column int) string {
		var d strings.Builder
		for i, p := range points {
			fmt.Fprintf(&d, "%s%.0f %.0f", map[bool]string{true: "M", false: "L"}[i == 0], x(i), chartHeight*(1-p.values[column]/top))
		}
		if len(points) == 1 {
			d.WriteString("h1")
		}
		return fmt.Sprintf(`<path class="%s" d="%s"/>`, class, d.String())
	}
	names := columns[2:]
	var sums, legend []string
	for i := range points[0].values {
		sum := 0.0
		for _, p := range points {
			sum += p.values[i]
		}
		sums = append(sums, number(sum)+" "+label(names[i]))
		legend = append(legend, fmt.Sprintf(`<span class="key line%d">%s</span>`, i, template.HTMLEscapeString(label(names[i]))))
	}
	compared := len(before) > 0 && len(before[0].values) > 0
	if compared {
		legend = append(legend, fmt.Sprintf(`<span class="key past">%s before</span>`, template.HTMLEscapeString(label(names[0]))))
	}
	var c chartWriter
	c.begin(strings.Join(legend, " "), number(top), number(top/2),
		fmt.Sprintf("%s: %s from %s to %s", title, strings.Join(sums, ", "), points[0].label, points[len(points)-1].label))
	if compared {
		c.WriteString(path("past", before, 0))
	}
	for i := range sums {
		c.WriteString(path(fmt.Sprintf("line%d", i), points, i))
	}
	labels, half := make([]string, len(points)), chartWidth/float64(n-1)/2
	for i, p := range points {
		labels[i] = p.short
		text := p.label
		for j, v := range p.values {
			text += "\n" + label(names[j]) + ": " + number(v)
		}
		if compared && i < len(before) {
			text += "\n" + label(names[0]) + " before: " + number(before[i].values[0])
		}
		c.spot(x(i)-half, x(i)+half, text)
	}
	c.end(labels, func(i int) float64 { return x(i) / chartWidth * 100 })
	return template.HTML(c.String())
}

// scaleTop returns the highest value of the vertical axis for a column.
func scaleTop(column string, largest float64) float64 {
	switch {
	case column == "rate" || column == "lost" || column == "good":
		return roundUp(max(largest, 0.01)*100) / 100
	case format(column, largest) == number(largest):
		return roundUp(largest)
	case largest == 0:
		return 1
	}
	return largest
}

// roundUp returns the next even number that is one of ten steps times a power of ten. Its half is on the axis too.
func roundUp(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(max(x, 1))))
	for _, step := range []float64{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8} {
		if step*unit >= x && math.Mod(step*unit, 2) == 0 {
			return step * unit
		}
	}
	return 10 * unit
}
