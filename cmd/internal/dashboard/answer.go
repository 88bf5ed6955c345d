package dashboard

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// An Answer is the result of a panel. A cell is nil, a string, a bool, a float64, or what a macro of setup makes: an object
// with one member, or a *histogram.
type Answer struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
	// Cut is whether there were more rows than MaxRows.
	Cut bool `json:"cut,omitempty"`
}

// macros are the names of those.
var macros = []string{"p50", "p75", "ratio", "latest", "uniq"}

// MaxRows is how many rows of an answer are kept.
const MaxRows = 10_000

// AddRow adds a row in JSON.
func (a *Answer) AddRow(text []byte) error {
	var row []any
	if err := json.Unmarshal(text, &row); err != nil {
		return err
	}
	a.Rows = append(a.Rows, compact(row))
	return nil
}

// compact replaces the histograms of a row, which have many members.
func compact(row []any) []any {
	for i, cell := range row {
		if object, ok := cell.(map[string]any); ok {
			for _, kind := range []string{"p50", "p75"} {
				switch x := object[kind].(type) {
				case string:
					row[i] = parseBuckets(kind, x)
				case map[string]any:
					row[i] = newHistogram(kind, x)
				}
			}
		}
	}
	return row
}

// complete reports whether each row has a cell for each column.
func (a *Answer) complete() bool {
	return !slices.ContainsFunc(a.Rows, func(row []any) bool { return len(row) != len(a.Columns) })
}

// UnmarshalJSON reads an answer that was kept.
func (a *Answer) UnmarshalJSON(text []byte) error {
	type plain Answer
	err := json.Unmarshal(text, (*plain)(a))
	for _, row := range a.Rows {
		compact(row)
	}
	return err
}

// add returns the sum of two answers of a panel: rows with the same texts become one.
func (a *Answer) add(b *Answer) *Answer {
	if a == nil || len(a.Columns) == 0 {
		return b
	}
	if b == nil || !slices.Equal(a.Columns, b.Columns) {
		return a
	}
	both := slices.Concat(a.Rows, b.Rows)
	isKey := keys(a.Columns, both)
	sum := &Answer{Columns: a.Columns, Cut: a.Cut || b.Cut}
	at := map[string]int{}
	for _, row := range both {
		key := rowKey(row, isKey)
		n, ok := at[key]
		if !ok {
			at[key] = len(sum.Rows)
			sum.Rows = append(sum.Rows, slices.Clone(row))
			continue
		}
		for i, cell := range row {
			if !isKey[i] {
				sum.Rows[n][i] = addCells(sum.Rows[n][i], cell)
			}
		}
	}
	return sum
}

// rowKey returns the texts of a row.
func rowKey(row []any, isKey []bool) string {
	var key strings.Builder
	for i, cell := range row {
		if isKey[i] {
			fmt.Fprintf(&key, "%T%v\x00", cell, cell)
		}
	}
	return key.String()
}

// keys returns which columns say what a row is about: those with text or truth values, and those with nothing but NULL.
func keys(columns []string, rows [][]any) []bool {
	is := make([]bool, len(columns))
	for i := range columns {
		number := false
		for _, row := range rows {
			switch row[i].(type) {
			case string, bool:
				is[i] = true
			case float64, map[string]any, *histogram:
				number = true
			}
		}
		is[i] = is[i] || !number
	}
	return is
}

func addCells(a, b any) any {
	switch x := a.(type) {
	case nil:
		return b
	case float64:
		if y, ok := b.(float64); ok {
			return x + y
		}
	case *histogram:
		if y, ok := b.(*histogram); ok {
			return x.add(y)
		}
	case map[string]any:
		y, _ := b.(map[string]any)
		for kind, value := range x {
			if value == nil { // no value in the first time
				return b
			}
			other, ok := y[kind]
			if !ok || other == nil {
				continue
			}
			return map[string]any{kind: merge(kind, value, other)}
		}
	}
	return a
}

// merge adds the values of two cells that the macro kind made.
func merge(kind string, a, b any) any {
	switch x := a.(type) {
	case float64: // latest
		y, _ := b.(float64)
		return max(x, y)
	case []any:
		y, _ := b.([]any)
		if kind == "ratio" {
			sum := slices.Clone(x)
			for i := range min(len(x), len(y)) {
				m, _ := x[i].(float64)
				n, _ := y[i].(float64)
				sum[i] = m + n
			}
			return sum
		}
		all := slices.Clone(x)
		for _, value := range y {
			if !slices.Contains(all, value) {
				all = append(all, value)
			}
		}
		return all[:min(len(all), maxUniq)]
	}
	return a
}

// finish replaces the cells of macros by their values, and sorts the rows of an additive panel: by day and hour for a line,
// else by the numbers, the largest first.
func (a *Answer) finish(p Panel, zone *time.Location) *Answer {
	finished := &Answer{Columns: a.Columns, Cut: a.Cut}
	for _, row := range a.Rows {
		row = slices.Clone(row)
		for i, cell := range row {
			row[i] = cellValue(cell, zone)
		}
		finished.Rows = append(finished.Rows, row)
	}
	if p.Additive {
		finished.sort(p.Chart == "line" || p.Chart == "bars" || p.Chart == "histogram")
	}
	return finished
}

func (a *Answer) sort(byText bool) {
	isKey := keys(a.Columns, a.Rows)
	slices.SortStableFunc(a.Rows, func(x, y []any) int {
		numbers, texts := 0, 0
		for i := range x {
			if isKey[i] {
				texts = cmp.Or(texts, compareTexts(x[i], y[i]))
			} else {
				xn, _ := x[i].(float64)
				yn, _ := y[i].(float64)
				numbers = cmp.Or(numbers, cmp.Compare(yn, xn))
			}
		}
		if byText {
			return cmp.Or(texts, numbers)
		}
		return cmp.Or(numbers, texts)
	})
	if len(a.Rows) > MaxRows {
		a.Rows, a.Cut = a.Rows[:MaxRows], true
	}
}

// compareTexts compares cells as text. nil is last.
func compareTexts(a, b any) int {
	if (a == nil) != (b == nil) {
		if a == nil {
			return 1
		}
		return -1
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

// cellValue returns what a cell shows: nil, a string, a bool or a float64.
func cellValue(cell any, zone *time.Location) any {
	if h, ok := cell.(*histogram); ok {
		return h.value()
	}
	x, ok := cell.(map[string]any)
	if !ok {
		return cell
	}
	switch {
	case x["latest"] != nil:
		micros, _ := x["latest"].(float64)
		return time.UnixMicro(int64(micros)).In(zone).Format("2006-01-02 15:04")
	case x["ratio"] != nil:
		pair, _ := x["ratio"].([]any)
		if len(pair) == 2 {
			a, _ := pair[0].(float64)
			if b, _ := pair[1].(float64); b > 0 {
				return math.Round(10_000*a/b) / 10_000
			}
		}
		return nil
	case x["uniq"] != nil:
		list, _ := x["uniq"].([]any)
		return float64(len(list))
	}
	for kind, value := range x {
		if !slices.Contains(macros, kind) {
			text, _ := json.Marshal(value)
			return string(text)
		}
	}
	return nil
}
