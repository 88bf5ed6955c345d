package dashboard

import (
	"math"
	"slices"
	"unicode/utf8"
)

type tableView struct {
	Caption string
	Wide    bool // it may need to be scrolled on a phone
	Head    []cellView
	Rows    [][]cellView
}

type cellView struct {
	Start, Text      string // Text is shown whole. Start is before it, and is cut in a narrow column
	Title, URL       string
	Class, Verdict   string
	Number, Bar, Cut bool
	Share            float64
}

// The longest texts, in characters, of a column that is never cut.
const (
	longestWide   = 20
	longestNarrow = 12
)

// endLength is how many characters at the end of a text are shown always.
const endLength = 10

// columnOrder has the columns of panels whose most important ones are not first.
var columnOrder = map[string][]string{"errors": {"message", "events", "visitors", "last_seen", "name", "pages"}, "events": {"name", "visitors", "events", "url"}}

// textColumns are columns of text besides those that filter.
var textColumns = []string{"day", "hour", "url", "message", "step", "goal", "bot_reason", "last_seen"}

// A column is one of a table on the page.
type column struct {
	index  int // in the answer
	number bool
	bar    bool // the first text, with a bar as long as the first number is large
	first  bool // the first number
	cut    bool // texts that are longer than the column are cut
}

// columns returns the columns of a table in their order. A column without any value is of numbers unless its name is that
// of a text.
func (p *page) columns(panel Panel, a *Answer, isKey []bool, wide bool) (columns []column) {
	order := make([]int, len(a.Columns))
	for i := range order {
		order[i] = i
	}
	if names := columnOrder[panel.Name]; len(names) > 0 {
		place := func(i int) int {
			if at := slices.Index(names, a.Columns[i]); at >= 0 {
				return at
			}
			return len(names)
		}
		slices.SortStableFunc(order, func(i, j int) int { return place(i) - place(j) })
	}
	firstKey, firstNumber := slices.Index(isKey, true), slices.Index(isKey, false)
	longest := longestNarrow
	if wide {
		longest = longestWide
	}
	for _, i := range order {
		c := column{index: i, first: i == firstNumber, bar: i == firstKey && panel.Chart == "ranked"}
		c.number = !isKey[i] || !slices.Contains(filterable, a.Columns[i]) && !slices.Contains(textColumns, a.Columns[i]) &&
			!slices.ContainsFunc(a.Rows, func(row []any) bool { return row[i] != nil })
		c.cut = isKey[i] && (c.bar || slices.ContainsFunc(a.Rows, func(row []any) bool {
			return utf8.RuneCountInString(format(a.Columns[i], row[i])) > longest
		}))
		columns = append(columns, c)
	}
	return columns
}

// table returns the rows of an answer, most at most. If there is an answer for the time before, its first number is beside
// that of a.
func (p *page) table(panel Panel, a, before *Answer, most int, wide bool) *tableView {
	isKey := keys(a.Columns, a.Rows)
	columns := p.columns(panel, a, isKey, wide)
	first, largest := slices.Index(isKey, false), 0.0
	if first >= 0 {
		for _, row := range a.Rows {
			x, _ := row[first].(float64)
			largest = max(largest, x)
		}
	}
	earlier := firstNumbers(before, isKey)
	t := &tableView{Caption: panel.Title, Wide: wide}
	for _, c := range columns {
		t.Head = append(t.Head, cellView{Text: label(a.Columns[c.index]), Number: c.number})
		if c.first && earlier != nil {
			t.Head = append(t.Head, cellView{Text: "before", Number: true})
		}
	}
	for _, row := range a.Rows[:min(len(a.Rows), most)] {
		var cells []cellView
		for _, c := range columns {
			name, value := a.Columns[c.index], row[c.index]
			cell := cellView{Text: format(name, value), Bar: c.bar}
			if text, ok := value.(string); ok && name == panel.Link {
				cell.URL = p.url(p.filter.with(Equal{panel.Link, text}))
			}
			switch {
			case c.number:
				cell.Class = "number"
				if cell.Verdict = verdict(name, value); cell.Verdict != "" {
					cell.Class += " " + cell.Verdict
				}
			case c.bar && first >= 0:
				x, _ := row[first].(float64)
				cell.Share = math.Round(1000*x/max(largest, 1)) / 10
			}
			if c.cut {
				cell.cut()
				if !c.bar {
					cell.Class = "long"
				}
			}
			cells = append(cells, cell)
			if c.first && earlier != nil {
				cells = append(cells, cellView{Text: format(name, earlier[rowKey(row, isKey)]), Class: "number quiet"})
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// cut divides the text, so that its end stays visible in a column that is too narrow.
func (c *cellView) cut() {
	text := []rune(c.Text)
	if len(text) <= longestNarrow {
		return
	}
	at := len(text) - endLength
	c.Title, c.Cut = c.Text, true
	c.Start, c.Text = string(text[:at]), string(text[at:])
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
