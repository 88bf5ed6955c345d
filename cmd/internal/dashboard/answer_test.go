package dashboard

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"
)

func TestAdd_TwoAnswers_RowsWithTheSameTextsAreOne(t *testing.T) {
	columns := []string{"path", "status", "views", "p", "seen", "pages"}
	hist := func(kind string, b map[string]any) any { return newHistogram(kind, b) }
	a := &Answer{Columns: columns, Rows: [][]any{
		{"/a", nil, 2.0, hist("p50", map[string]any{"0": 1.0, "32": 1.0}), map[string]any{"latest": 1e15}, map[string]any{"uniq": []any{"x", "y"}}},
		{"/b", nil, 1.0, nil, nil, nil},
	}}
	b := &Answer{Columns: columns, Rows: [][]any{
		{"/b", nil, 5.0, hist("p50", map[string]any{"64": 1.0}), map[string]any{"latest": 2e15}, map[string]any{"uniq": []any{"z"}}},
		{"/a", nil, 1.0, hist("p50", map[string]any{"32": 3.0}), map[string]any{"latest": 5e14}, map[string]any{"uniq": []any{"y", "z"}}},
		{nil, nil, 9.0, nil, nil, nil},
	}}
	got := a.add(b).finish(Panel{Chart: "ranked", Additive: true}, time.UTC)
	want := [][]any{
		{nil, nil, 9.0, nil, nil, nil},
		{"/b", nil, 6.0, 7.39, "2033-05-18 03:33", 1.0},
		{"/a", nil, 3.0, 2.72, "2001-09-09 01:46", 3.0},
	}
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("got  %v\nwant %v", got.Rows, want)
	}
	if len(a.Rows) != 2 || a.Rows[0][2] != 2.0 {
		t.Error("the first answer was changed")
	}
}

func TestAdd_OneIsEmpty_OtherIsTheSum(t *testing.T) {
	a := &Answer{Columns: []string{"x"}, Rows: [][]any{{"a"}}}
	var none *Answer
	if none.add(a) != a || a.add(nil) != a || !reflect.DeepEqual(a.add(&Answer{Columns: []string{"x"}}).Rows, a.Rows) {
		t.Error("the sum is another")
	}
}

func TestBucketValue_EachNumber_WithinTwoPercent(t *testing.T) {
	for x := 0.001; x < 1e7; x *= 1.003 {
		got := bucketValue(int(math.Round(math.Log(x) * bucketsOfE)))
		if math.Abs(got/x-1) > 0.021 {
			t.Fatalf("%v is shown as %v", x, got)
		}
	}
	if bucketValue(-663) != 0 {
		t.Error("0 is not shown as 0")
	}
}

func TestHistogram_AsJSONAndBack_IsTheSame(t *testing.T) {
	a := &Answer{Columns: []string{"path", "p"}, Rows: [][]any{{"/a", newHistogram("p75", map[string]any{"-663": 2.0, "5": 1.0})}}}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var b Answer
	if err := json.Unmarshal(text, &b); err != nil || !reflect.DeepEqual(*a, b) {
		t.Errorf("%s: got %+v, %v", text, b, err)
	}
}
