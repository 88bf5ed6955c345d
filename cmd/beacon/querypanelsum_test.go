//go:build unix

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// A dayEvent is an event with the day that it counts in.
type dayEvent struct {
	visitEvent
	day   string
	local time.Time
}

// eventsOfDays computes a second time which events a panel of these days has, by the rule of the dashboard: an event that
// comes within two hours after midnight belongs to the day before if one of its view came in the two hours before midnight.
func eventsOfDays(all []visitEvent, zone string, first, last time.Time, keep func(visitEvent) bool) (some []dayEvent) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	dayOf := func(t time.Time, days int) string {
		y, m, d := t.In(location).Date()
		return time.Date(y, m, d+days, 12, 0, 0, 0, location).Format(time.DateOnly)
	}
	evenings := map[string]bool{} // view and day
	for _, e := range all {
		if e.at.In(location).Hour() >= 22 {
			evenings[e.View+dayOf(e.at, 0)] = true
		}
	}
	for _, e := range all {
		day := dayOf(e.at, 0)
		if before := dayOf(e.at, -1); e.at.In(location).Hour() < 2 && evenings[e.View+before] {
			day = before
		}
		if keep(e) && day >= dayOf(first, 0) && day <= dayOf(last, 0) {
			some = append(some, dayEvent{e, day, e.at.In(location)})
		}
	}
	return some
}

// A viewSum is what the panels compute of one view.
type viewSum struct {
	dayEvent
	weight  float64 // 0 without the event view
	who     string  // the day and the visitor of the event view, or ""
	names   map[string]bool
	first   int
	last    int
	numbers map[int]bool
}

// sumViews computes a second time what a grouping by view has.
func sumViews(events []dayEvent) (views []*viewSum) {
	byID := map[string]*viewSum{}
	for _, e := range events {
		v := byID[e.View]
		if v == nil {
			v = &viewSum{dayEvent: e, names: map[string]bool{}, numbers: map[int]bool{}}
			byID[e.View] = v
			views = append(views, v)
		}
		if e.at.Before(v.at) {
			v.at = e.at
		}
		if e.Name == "view" {
			v.weight, v.who = e.Weight, e.day+e.visitor
		}
		v.names[e.Name] = true
		v.numbers[e.N] = true
		v.last = max(v.last, e.N)
		if v.first == 0 || e.N < v.first {
			v.first = e.N
		}
		v.Seconds, v.LCP = max(v.Seconds, e.Seconds), max(v.LCP, e.LCP)
	}
	return views
}

// sortedLines returns rows as JSON, sorted.
func sortedLines(rows []map[string]any) (lines []string) {
	for _, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		lines = append(lines, string(line))
	}
	slices.Sort(lines)
	return lines
}

// quantile returns the middle of the bucket in which the quantile of values is, or nil without values.
func quantile(values []float64, q float64) any {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	x := values[max(int(math.Ceil(q*float64(len(values))))-1, 0)]
	if x == 0 {
		return 0.0
	}
	x = math.Exp(math.Round(math.Log(x)*32) / 32)
	digits := fmt.Sprintf("%.3g", x)
	fmt.Sscan(digits, &x)
	return x
}

func wantHeadline(views []*viewSum, entries []dayEvent) map[string]any {
	visitors := map[string]bool{}
	weight, seconds := 0.0, []float64{}
	for _, v := range views {
		if v.who != "" {
			visitors[v.who] = true
		}
		weight += v.weight
		if v.Seconds > 0 {
			seconds = append(seconds, v.Seconds)
		}
	}
	return map[string]any{"visitors": len(visitors), "sessions": len(entries), "views": weight, "seconds": quantile(seconds, 0.5)}
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
			if v.who != "" {
				visitors[v.who] = true
			}
			weight += v.weight
			if v.Seconds > 0 {
				seconds = append(seconds, v.Seconds)
			}
		}
		rows = append(rows, map[string]any{"path": path, "visitors": len(visitors), "views": weight, "seconds": quantile(seconds, 0.5)})
	}
	return rows
}

// wantCounts counts the visitors and views by a key. "" is left out, and "NULL" is NULL.
func wantCounts(events []dayEvent, column string, key func(dayEvent) string) []map[string]any {
	views := slices.DeleteFunc(slices.Clone(events), func(e dayEvent) bool { return e.Name != "view" })
	visitors := map[any]map[string]bool{}
	for _, e := range views {
		k := orNil(key(e))
		if visitors[k] == nil {
			visitors[k] = map[string]bool{}
		}
		visitors[k][e.day+e.visitor] = true
	}
	rows := wantWeights(views, column, "views", key)
	for _, r := range rows {
		r["visitors"] = len(visitors[r[column]])
	}
	return rows
}

// wantWeights sums the weights of events by a key, as wantCounts has it.
func wantWeights(events []dayEvent, column, sum string, key func(dayEvent) string) []map[string]any {
	weights := map[string]float64{}
	for _, e := range events {
		if k := key(e); k != "" {
			if sum == "doubles" {
				weights[k]++
			} else {
				weights[k] += e.Weight
			}
		}
	}
	var rows []map[string]any
	for k, weight := range weights {
		rows = append(rows, map[string]any{column: orNil(k), sum: weight})
	}
	return rows
}

// visitorsWith returns the visitors of a day who have an event, and when they had the first.
func visitorsWith(events []dayEvent, is func(dayEvent) bool) map[string]time.Time {
	first := map[string]time.Time{}
	for _, e := range events {
		who := e.day + e.visitor
		if at, ok := first[who]; is(e) && (!ok || e.at.Before(at)) {
			first[who] = e.at
		}
	}
	return first
}

func isView(e dayEvent) bool   { return e.Name == "view" }
func isSignup(e dayEvent) bool { return e.Name == "signup" }

func wantGoals(events []dayEvent) (rows []map[string]any) {
	all := len(visitorsWith(events, isView))
	for name, is := range map[string]func(dayEvent) bool{"Sign-up": isSignup, "P": isView} {
		visitors := len(visitorsWith(events, is))
		weight := 0.0
		for _, e := range events {
			if is(e) {
				weight += e.Weight
			}
		}
		row := map[string]any{"goal": name, "visitors": visitors, "conversions": weight, "rate": nil}
		if all > 0 {
			row["rate"] = math.Round(10_000*float64(visitors)/float64(all)) / 10_000
		}
		rows = append(rows, row)
	}
	return rows
}

func wantGoalSources(events, entries []dayEvent) (rows []map[string]any) {
	bySource := map[string]map[string]bool{}
	for _, e := range entries {
		source := e.source()
		if bySource[source] == nil {
			bySource[source] = map[string]bool{}
		}
		bySource[source][e.day+e.visitor] = true
	}
	for name, is := range map[string]func(dayEvent) bool{"Sign-up": isSignup, "P": isView} {
		reached := visitorsWith(events, is)
		for source, visitors := range bySource {
			n := 0
			for who := range visitors {
				if _, ok := reached[who]; ok {
					n++
				}
			}
			rows = append(rows, map[string]any{"source": source, "goal": name, "visitors": n})
		}
	}
	return rows
}

// source is where the visitor of an event came from.
func (e dayEvent) source() string { return cmp.Or(e.UTMSource, e.Source, "direct") }

// sessionsOf returns, for each view, the view that began its session.
func sessionsOf(events []dayEvent) map[string]dayEvent {
	views := slices.DeleteFunc(slices.Clone(events), func(e dayEvent) bool { return e.Name != "view" })
	slices.SortFunc(views, func(a, b dayEvent) int { return a.at.Compare(b.at) })
	last, sessions := map[string]dayEvent{}, map[string]dayEvent{}
	for _, e := range views {
		who := e.day + e.visitor
		before, seen := last[who]
		sessions[e.View] = e
		if seen && e.at.Sub(before.at) <= 30*time.Minute {
			sessions[e.View] = sessions[before.View]
		}
		last[who] = e
	}
	return sessions
}

// entriesOf returns the views that began a session of which the filter chooses a view.
func entriesOf(events []dayEvent, filter func(dayEvent) bool) []dayEvent {
	sessions, entries := sessionsOf(events), map[string]dayEvent{}
	for _, e := range events {
		if first, ok := sessions[e.View]; ok && (filter == nil || filter(e)) {
			entries[first.View] = first
		}
	}
	return slices.Collect(maps.Values(entries))
}

// wantSessions counts the visitors and sessions by a key, as wantCounts has it.
func wantSessions(entries []dayEvent, column string, key func(dayEvent) string) []map[string]any {
	for i := range entries {
		entries[i].Weight = 1
	}
	rows := wantCounts(entries, column, key)
	for _, r := range rows {
		r["sessions"] = r["views"]
		delete(r, "views")
	}
	return rows
}

func wantSources(entries []dayEvent) []map[string]any {
	return wantSessions(entries, "source", func(e dayEvent) string { return e.source() })
}

func wantFunnel(events []dayEvent) []map[string]any {
	first := visitorsWith(events, func(e dayEvent) bool { return isView(e) && e.Path == "/p3" })
	second := visitorsWith(events, func(e dayEvent) bool {
		at, ok := first[e.day+e.visitor]
		return ok && isSignup(e) && !e.at.Before(at)
	})
	return []map[string]any{{"step": "1. /p3", "visitors": len(first)}, {"step": "2. signup", "visitors": len(second)}}
}

func orNil(key string) any {
	if key == "NULL" {
		return nil
	}
	return key
}

func wantErrors(events []dayEvent) []map[string]any {
	message := func(e dayEvent) string {
		text, _ := e.Props["message"].(string)
		return text
	}
	paths, last := map[any]map[string]bool{}, map[any]time.Time{}
	for _, e := range events {
		m := message(e)
		if paths[m] == nil {
			paths[m] = map[string]bool{}
		}
		paths[m][e.Path] = true
		if e.local.After(last[m]) {
			last[m] = e.local
		}
	}
	rows := wantWeights(events, "message", "events", message)
	for _, r := range rows {
		r["pages"] = len(paths[r["message"]])
		r["last_seen"] = last[r["message"]].Format("2006-01-02 15:04")
	}
	return rows
}

func wantEnds(events []dayEvent, filter func(dayEvent) bool) []map[string]any {
	byVisitor := map[string][]dayEvent{}
	for _, e := range events {
		if e.Name == "view" {
			byVisitor[e.day+e.visitor] = append(byVisitor[e.day+e.visitor], e)
		}
	}
	entries, exits := map[string]float64{}, map[string]float64{}
	for _, views := range byVisitor {
		slices.SortFunc(views, func(a, b dayEvent) int { return a.at.Compare(b.at) })
		for i, e := range views {
			if filter != nil && !filter(e) {
				continue
			}
			if i == 0 || e.at.Sub(views[i-1].at) > 30*time.Minute {
				entries[e.Path] += e.Weight
			}
			if i == len(views)-1 || views[i+1].at.Sub(e.at) > 30*time.Minute {
				exits[e.Path] += e.Weight
			}
		}
	}
	paths := map[string]bool{}
	for path := range entries {
		paths[path] = true
	}
	for path := range exits {
		paths[path] = true
	}
	var rows []map[string]any
	for path := range paths {
		rows = append(rows, map[string]any{"path": path, "entries": entries[path], "exits": exits[path]})
	}
	return rows
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
		rows = append(rows, map[string]any{"path": path, "lcp": quantile(lcp, 0.75), "loads": len(lcp)})
	}
	return rows
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

// without returns the rows where a column is NULL, without it.
func without(rows []map[string]any, column string) (some []map[string]any) {
	for _, r := range rows {
		if r[column] == nil {
			delete(r, column)
			some = append(some, r)
		}
	}
	return some
}

func wantLoss(views []*viewSum) []map[string]any {
	byBrowser := map[string]map[string]any{}
	for _, v := range views {
		r := byBrowser[v.browser]
		if r == nil {
			r = map[string]any{"browser": v.browser, "views": 0, "events": 0, "gaps": 0, "no_leave": 0}
			byBrowser[v.browser] = r
		}
		sent := v.last
		if v.first > 2 { // it began on another day
			sent -= v.first - 1
		}
		r["views"] = r["views"].(int) + 1
		r["events"] = r["events"].(int) + sent
		r["gaps"] = r["gaps"].(int) + sent - len(v.numbers)
		if !v.names["leave"] {
			r["events"] = r["events"].(int) + 1
			r["no_leave"] = r["no_leave"].(int) + 1
		}
	}
	for _, r := range byBrowser {
		r["lost"] = math.Round(10_000*float64(r["gaps"].(int)+r["no_leave"].(int))/float64(r["events"].(int))) / 10_000
		delete(r, "events")
	}
	return slices.Collect(maps.Values(byBrowser))
}
