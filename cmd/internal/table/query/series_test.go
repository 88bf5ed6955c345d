//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// series returns the rows or the error of each query.
func series(t *testing.T, p *Pool, setup []string, sql ...string) []string {
	t.Helper()
	got := make([]string, len(sql))
	r := SeriesRequest{View: smallView}
	for i, text := range sql {
		r.Steps = append(r.Steps, Step{SQL: text})
		if i == 0 {
			r.Steps[0].Setup = setup
		}
	}
	err := p.Series(t.Context(), r, func(i int, rows *Rows, err error) error {
		if got[i] != "" {
			t.Errorf("%s has two answers", sql[i])
		}
		if err != nil {
			got[i] = "error: " + err.Error()
			return nil
		}
		got[i] = strings.Join(rows.Columns(), ",")
		for rows.Next() {
			got[i] += " " + string(rows.Row())
		}
		if rows.Err() != nil {
			got[i] = "error: " + rows.Err().Error()
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return got
}

func TestSeries_SetupAndQueries_ShareTheProcess(t *testing.T) {
	p := newPool(t)
	got := series(t, p, []string{"create temp table numbers as select * from range(3) t(x)", "create or replace temp macro p50(x) as 'own'"},
		"select sum(x) as s from numbers", "select count(*) as n from beacons", "select p50(1) as m")
	if want := []string{"s [3]", "n [1]", `m ["own"]`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := p.Stats().Started; n > 2 {
		t.Errorf("%d processes were started", n)
	}
}

func TestSeries_OneQueryFails_OthersAreAnswered(t *testing.T) {
	got := series(t, newPool(t), nil, "select 1 as a", "select nothing from beacons", "drop table x", "select 2 as b", fmt.Sprintf("select repeat('x', %d) as c", maxRow+1), "select 3 as d")
	for i, want := range []string{"a [1]", "nothing", "can only read", "b [2]", "at most 32", "d [3]"} {
		if !strings.Contains(got[i], want) {
			t.Errorf("query %d: got %q, want %q", i, got[i], want)
		}
	}
}

func TestSeries_QueryEndsItsProcess_OthersAreAnsweredByAnother(t *testing.T) {
	p := newPool(t)
	crash := "select lead(x, -9223372036854775808) over () from range(10) t(x)"
	for range 2 { // the second time it is refused
		got := series(t, p, nil, "select 1 as a", crash, "select 2 as b")
		if got[0] != "a [1]" || !strings.HasPrefix(got[1], "error: ") || got[2] != "b [2]" {
			t.Errorf("got %q, %.200q, %q", got[0], got[1], got[2])
		}
	}
}

func TestSeries_EachReturnsError_Ends(t *testing.T) {
	enough, calls := errors.New("enough"), 0
	err := newPool(t).Series(t.Context(), SeriesRequest{Steps: []Step{{SQL: "select 1"}, {SQL: "select 2"}}, View: smallView}, func(int, *Rows, error) error {
		calls++
		return enough
	})
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestSeries_SetupFails_EachQueryHasTheError(t *testing.T) {
	for i, got := range series(t, newPool(t), []string{"create temp table x as select nothing"}, "select 1 as a", "select 2 as b") {
		if !strings.Contains(got, "nothing") {
			t.Errorf("query %d: got %q", i, got)
		}
	}
}
