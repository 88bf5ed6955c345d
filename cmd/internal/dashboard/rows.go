package dashboard

import (
	"math"
	"slices"
)

type tableView struct {
	Caption string
	Wide    bool // it may need to be scrolled on a phone
	Head    []cellView
	Rows    [][]cellView
}

type cellView struct {
	Text, Title, URL, Class, Verdict string
	Number, Bar                      bool
	Share                            float64
}

// table returns the rows of an answer. The first text column has a bar, which is as long as the first number is large. If
// there is an answer for the time before, its first number is beside that of a.
func (p *page) table(panel Panel, a, before *Answer, most int) *tableView {
	if len(a.Rows) == 0 {
		return &tableView{Rows: [][]cellView{{{Text: "Nothing in this time", Class: "quiet"}}}}
	}
	isKey := keys(a.Columns, a.Rows)
	first, largest := slices.Index(isKey, false), 0.0
	if first >= 0 {
		for _, row := range a.Rows {
			x, _ := row[first].(float64)
			largest = max(largest, x)
		}
	}
	earlier := firstNumbers(before, isKey)
	t := &tableView{Caption: panel.Title}
	for i, name := range a.Columns {
		t.Head = append(t.Head, cellView{Text: label(name), Number: !isKey[i]})
		if i == first && earlier != nil {
			t.Head = append(t.Head, cellView{Text: "before", Number: true})
		}
	}
	for _, row := range a.Rows[:min(len(a.Rows), most)] {
		var cells []cellView
		for i, value := range row {
			c := cellView{Text: format(a.Columns[i], value)}
			if text, ok := value.(string); ok && a.Columns[i] == panel.Link && text != "direct" {
				c.URL = p.url(p.filter.with(Equal{panel.Link, text}))
			}
			switch {
			case isKey[i] && !slices.Contains(isKey[:i], true) && panel.Chart == "ranked":
				x, _ := row[first].(float64)
				c.Bar, c.Share = true, math.Round(1000*x/max(largest, 1))/10
			case !isKey[i]:
				c.Class = "number"
				if c.Verdict = verdict(a.Columns[i], value); c.Verdict != "" {
					c.Class += " " + c.Verdict
				}
			default:
				c.Title = c.Text
			}
			cells = append(cells, c)
			if i == first && earlier != nil {
				cells = append(cells, cellView{Text: format(a.Columns[i], earlier[rowKey(row, isKey)]), Class: "number quiet"})
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// firstNumbers returns the first number of each row by its texts, or nil without an answer that has these columns.
func firstNumbers(a *Answer, isKey []bool) map[string]any {
	first := slices.Index(isKey, false)
	if a == nil || len(a.Columns) != len(isKey) || first < 0 || a.Columns[0] == "day" {
		return nil
	}
	numbers := map[string]any{}
	for _, row := range a.Rows {
		numbers[rowKey(row, isKey)] = row[first]
	}
	return numbers
}
