//go:build unix

package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// A viewSum is what the panels compute of one view.
type viewSum struct {
	visitEvent
	names   map[string]bool
	last    int
	numbers map[int]bool
}

// sumViews computes a second time what the CTE v and a grouping by view have.
func sumViews(events []visitEvent) (views []*viewSum) {
	byID := map[string]*viewSum{}
	for _, e := range events {
		v := byID[e.View]
		if v == nil {
			v = &viewSum{visitEvent: e, names: map[string]bool{}, numbers: map[int]bool{}}
			byID[e.View] = v
			views = append(views, v)
		}
		if e.at.Before(v.at) {
			v.at = e.at
		}
		v.names[e.Name] = true
		v.numbers[e.N] = true
		v.last = max(v.last, e.N)
		v.Seconds, v.LCP = max(v.Seconds, e.Seconds), max(v.LCP, e.LCP)
	}
	return views
}

func sortedBy(rows []map[string]any, column string) []map[string]any {
	slices.SortFunc(rows, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a[column]), fmt.Sprint(b[column])) })
	return rows
}

// median returns the median of seconds above 0, to a tenth, or nil without any.
func median(seconds []float64) any {
	if len(seconds) == 0 {
		return nil
	}
	slices.Sort(seconds)
	m := len(seconds) / 2
	if len(seconds)%2 == 0 {
		return math.Round((seconds[m-1]+seconds[m])/2*10) / 10
	}
	return seconds[m]
}

func wantHeadline(views []*viewSum) map[string]any {
	visitors := map[string][]time.Time{}
	weight, seconds := 0.0, []float64{}
	for _, v := range views {
		visitors[v.visitor] = append(visitors[v.visitor], v.at)
		weight += v.Weight
		if v.names["leave"] {
			seconds = append(seconds, v.Seconds)
		}
	}
	sessions := 0
	for _, times := range visitors {
		slices.SortFunc(times, time.Time.Compare)
		for i, at := range times {
			if i == 0 || at.Sub(times[i-1]) > 30*time.Minute {
				sessions++
			}
		}
	}
	return map[string]any{"visitors": len(visitors), "sessions": sessions, "views": weight, "seconds": median(seconds)}
}

func wantPages(views []*viewSum) []map[string]any {
	byPath := map[string][]*viewSum{}
	for _, v := range views {
		byPath[v.Path] = append(byPath[v.Path], v)
	}
	var rows []map[string]any
	for path, views := range byPath {
		visitors, weight, seconds := map[string]bool{}, 0.0, []float64{}
		for _, v := range views {
			visitors[v.visitor] = true
			weight += v.Weight
			if v.names["leave"] {
				seconds = append(seconds, v.Seconds)
			}
		}
		rows = append(rows, map[string]any{"path": path, "visitors": len(visitors), "views": weight, "seconds": median(seconds)})
	}
	return ranked(rows, "views", "path")
}

// wantCounts counts the visitors and views by a key. "" is left out, and "NULL" is NULL.
func wantCounts(events []visitEvent, column string, key func(visitEvent) string) []map[string]any {
	views := slices.DeleteFunc(slices.Clone(events), func(e visitEvent) bool { return e.Name != "view" })
	visitors := map[any]map[string]bool{}
	for _, e := range views {
		k := orNil(key(e))
		if visitors[k] == nil {
			visitors[k] = map[string]bool{}
		}
		visitors[k][e.visitor] = true
	}
	rows := wantWeights(views, column, "views", key)
	for _, r := range rows {
		r["visitors"] = len(visitors[r[column]])
	}
	return rows
}

// wantWeights sums the weights of events by a key, as wantCounts has it.
func wantWeights(events []visitEvent, column, sum string, key func(visitEvent) string) []map[string]any {
	weights := map[string]float64{}
	for _, e := range events {
		if k := key(e); k != "" {
			weights[k] += e.Weight
		}
	}
	var rows []map[string]any
	for k, weight := range weights {
		rows = append(rows, map[string]any{column: orNil(k), sum: weight})
	}
	return ranked(rows, sum, column)
}

func orNil(key string) any {
	if key == "NULL" {
		return nil
	}
	return key
}

func wantEnds(events []visitEvent) []map[string]any {
	byVisitor := map[string][]visitEvent{}
	for _, e := range events {
		if e.Name == "view" {
			byVisitor[e.visitor] = append(byVisitor[e.visitor], e)
		}
	}
	entries, exits := map[string]float64{}, map[string]float64{}
	for _, views := range byVisitor {
		slices.SortFunc(views, func(a, b visitEvent) int { return a.at.Compare(b.at) })
		for i, e := range views {
			if i == 0 || e.at.Sub(views[i-1].at) > 30*time.Minute {
				entries[e.Path] += e.Weight
			}
			if i == len(views)-1 || views[i+1].at.Sub(e.at) > 30*time.Minute {
				exits[e.Path] += e.Weight
			}
		}
	}
	var rows []map[string]any
	for _, path := range slices.Sorted(maps.Keys(entries)) {
		rows = append(rows, map[string]any{"path": path, "entries": entries[path], "exits": exits[path]})
	}
	for _, path := range slices.Sorted(maps.Keys(exits)) {
		if _, ok := entries[path]; !ok {
			rows = append(rows, map[string]any{"path": path, "entries": 0.0, "exits": exits[path]})
		}
	}
	return ranked(rows, "entries", "path")
}

func wantVitals(views []*viewSum) []map[string]any {
	byPath := map[string][]float64{}
	for _, v := range views {
		if v.LCP > 0 {
			byPath[v.Path] = append(byPath[v.Path], v.LCP)
		}
	}
	var rows []map[string]any
	for path, lcp := range byPath {
		slices.Sort(lcp)
		rows = append(rows, map[string]any{"path": path, "lcp": lcp[int(math.Ceil(0.75*float64(len(lcp))))-1], "loads": len(lcp)})
	}
	return ranked(rows, "loads", "path")
}

// only returns some columns of rows.
func only(rows []map[string]any, columns ...string) (some []map[string]any) {
	for _, r := range rows {
		one := map[string]any{}
		for _, c := range columns {
			one[c] = r[c]
		}
		some = append(some, one)
	}
	return some
}

func wantLoss(views []*viewSum) []map[string]any {
	byBrowser := map[string]map[string]any{}
	for _, v := range views {
		r := byBrowser[v.browser]
		if r == nil {
			r = map[string]any{"browser": v.browser, "views": 0, "events": 0, "gaps": 0, "without_leave": 0}
			byBrowser[v.browser] = r
		}
		r["views"] = r["views"].(int) + 1
		r["events"] = r["events"].(int) + v.last
		r["gaps"] = r["gaps"].(int) + v.last - len(v.numbers)
		if !v.names["leave"] {
			r["events"] = r["events"].(int) + 1
			r["without_leave"] = r["without_leave"].(int) + 1
		}
	}
	return ranked(slices.Collect(maps.Values(byBrowser)), "views", "browser")
}

// ranked sorts rows by a number, the largest first, and then by a text.
func ranked(rows []map[string]any, number, text string) []map[string]any {
	value := func(r map[string]any) float64 {
		var f float64
		fmt.Sscan(fmt.Sprint(r[number]), &f)
		return f
	}
	slices.SortFunc(rows, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(value(b), value(a)), strings.Compare(fmt.Sprint(a[text]), fmt.Sprint(b[text])))
	})
	return rows
}
