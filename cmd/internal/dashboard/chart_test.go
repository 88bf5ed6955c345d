package dashboard

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRoundUp_EachNumber_HalfIsANumberToo(t *testing.T) {
	for x, want := range map[float64]float64{0: 2, 1: 2, 2: 2, 3: 4, 5: 6, 9: 10, 11: 12, 13: 20, 41: 50, 101: 120, 121: 150, 999: 1000} {
		if got := roundUp(x); got != want {
			t.Errorf("%v: got %v, want %v", x, got, want)
		}
	}
}

func TestTicks_NLabels_AtEqualSteps(t *testing.T) {
	for n, want := range map[int][]int{1: {0}, 2: {0, 1}, 7: {0, 1, 2, 3, 4, 5, 6}, 15: {0, 3, 6, 9, 12}, 24: {0, 4, 8, 12, 16, 20, 23}, 30: {0, 5, 10, 15, 20, 25, 29}} {
		if got := ticks(n); !reflect.DeepEqual(got, want) {
			t.Errorf("%d: got %v, want %v", n, got, want)
		}
	}
}

func TestLineChart_LastPoint_StaysInTheFrame(t *testing.T) {
	points := []point{{"Mon", "Mon", []float64{1, 1}}, {"Tue", "Tue", []float64{2, 2}}}
	got := string(lineChart("When", points, points[:1], []string{"day", "hour", "visitors", "views"}))
	for _, want := range []string{
		`<rect class="spot" x="0" width="500"`, `<rect class="spot" x="500" width="500"`,
		"Mon\nvisitors: 1\nviews: 1\nvisitors before: 1", "<span>2</span><span>1</span><span>0</span>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestWithAllBars_SomeHours_DayHas24(t *testing.T) {
	a := withAllBars(&Answer{Columns: []string{"hour", "views"}, Rows: [][]any{{"07", 3.0}, {"23", 1.0}}})
	if len(a.Rows) != 24 || !reflect.DeepEqual(a.Rows[7], []any{"07", 3.0}) || !reflect.DeepEqual(a.Rows[8], []any{"08", 0.0}) {
		t.Errorf("got %v", a.Rows)
	}
	a = withAllBars(&Answer{Columns: []string{"seconds", "views"}, Rows: [][]any{{"9 min", 1.0}, {" 10 s", 2.0}}})
	if got, want := fmt.Sprint(a.Rows), "[[0–3 s 0] [3–10 s 0] [10–30 s 2] [30–60 s 0] [1–3 min 0] [3–9 min 0] [9 min and more 1]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	own := &Answer{Columns: []string{"hour", "views"}, Rows: [][]any{{"morning", 1.0}}}
	if withAllBars(own) != own || withAllBars(nil) != nil {
		t.Error("an answer with other texts is changed")
	}
}

func TestFigures_NumberBefore_ChangeHasASign(t *testing.T) {
	columns := []string{"visitors", "sessions", "views"}
	a, before := &Answer{Columns: columns, Rows: [][]any{{10.0, 4.0, 10.0}}}, &Answer{Columns: columns, Rows: [][]any{{8.0, 5.0, 0.0}}}
	var got []string
	for _, f := range figures(a, before, Period{From: time.Unix(0, 0), To: time.Unix(7*24*60*60, 0)}) {
		got = append(got, strings.Join([]string{f.Label, f.Value, f.Change, f.Before}, ", "))
	}
	want := []string{"visitors, 10, ▲ +25 %, 8 in the 7 days before", "sessions, 4, ▼ −20 %, 5 in the 7 days before", "views, 10, , 0 in the 7 days before",
		"views per session, 2.5, , 0.0 in the 7 days before"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTable_ColumnWithoutValues_AlignsByItsKind(t *testing.T) {
	p := &page{filter: Filter{Period: Period{Text: "7d"}}}
	a := &Answer{Columns: []string{"path", "inp", "url"}, Rows: [][]any{{"/products/category/a-long-name.html", nil, nil}}}
	table := p.table(Panel{Name: "x", Chart: "ranked", Link: "path"}, a, nil, 10, true)
	if table.Head[0].Number || !table.Head[1].Number || table.Head[2].Number || table.Rows[0][1].Class != "number" {
		t.Errorf("the columns are %+v", table.Head)
	}
	if c := table.Rows[0][0]; c.Start != "/products/category/a-long" || c.Text != "-name.html" || c.Title != "/products/category/a-long-name.html" {
		t.Errorf("the path is %+v", c)
	}
}

func TestIsEmpty_NumbersAreZero_Empty(t *testing.T) {
	for _, x := range []struct {
		rows [][]any
		want bool
	}{{nil, true}, {[][]any{{"goal", 0.0, nil}}, true}, {[][]any{{"goal", 0.0, 1.0}}, false}} {
		if got := isEmpty(&Answer{Columns: []string{"goal", "visitors", "rate"}, Rows: x.rows}); got != x.want {
			t.Errorf("%v: got %v", x.rows, got)
		}
	}
}
