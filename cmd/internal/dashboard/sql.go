package dashboard

import (
	"fmt"
	"strings"
	"time"
)

// A scope is the filter and the time of one series of queries.
type scope struct {
	Filter
	from, to time.Time // from is a midnight; a zero to is now
}

// margin is how long after midnight an event can belong to the day before.
const margin = 2 * time.Hour

// reach is how far from its days a scope reads events: a clock that is set back makes two hours three.
const reach = margin + time.Hour

const (
	maxN      = 100_000   // events of a view
	maxWeight = 1_000_000 // views that one stands for
)

const dayMicros = 24 * 60 * 60 * 1_000_000

// idleViews is how many views a visitor must have on a day, and no other event, to count as a bot: a browser of a person
// sends an event when it leaves at least one of the pages.
const idleViews = 10

// A part is a SELECT with a name, which later ones use.
type part struct {
	name, sql string
	once      bool // its rows are computed once
}

// parts are the SELECTs up to v.
//
// An event counts once, however often it arrived: its first row. It belongs to the day, in the site's time zone, in which
// it was received. But one that comes within two hours after midnight belongs to the day before if another event of its
// view came in the two hours before midnight. So the rows of one day do not depend on other days, and answers can be added.
//
// All events of a view are a bot's if the referrer of one is that of a bot: only the first event has it. local is the time
// in the site's time zone, in microseconds: the engine computes with it ten times as fast as with received_at.
func (s scope) parts() []part {
	// Anyone can send events, so numbers that no script sends are left out: sums of them could overflow.
	near := []string{"stream = " + literal(s.Stream), "view is not null", fmt.Sprintf("n between 1 and %d", maxN), fmt.Sprintf("weight between 0 and %d", maxWeight),
		"received_at >= " + instant(s.from.Add(-reach))}
	if !s.to.IsZero() {
		near = append(near, "received_at < "+instant(s.to.Add(reach)))
	}
	if s.Site != "" {
		near = append(near, "origin = "+literal(s.Site))
	}
	zone := s.from.Location()
	inside := []string{fmt.Sprintf("day_number >= %d", dayNumber(s.from))}
	switch {
	case s.to.IsZero():
	case isMidnight(s.to):
		inside = append(inside, fmt.Sprintf("day_number < %d", dayNumber(s.to.In(zone))))
	default:
		inside = append(inside, "received_at < "+instant(s.to))
	}
	for _, e := range s.Equal {
		condition := fmt.Sprintf("cast(%s as varchar) = %s", e.Column, literal(e.Value))
		if e.Column == "source" { // only the event view has one
			condition = "name = 'view' and coalesce(utm_source, source, 'direct') = " + literal(e.Value)
		}
		inside = append(inside, fmt.Sprintf("view in (select view from near where %s)", condition))
	}
	people := "true"
	if !s.Bots {
		people = "not bot"
	}
	clock := fmt.Sprintf("local %% %d", dayMicros)
	early, late := fmt.Sprintf("%s < %d", clock, margin.Microseconds()), fmt.Sprintf("%s >= %d", clock, dayMicros-margin.Microseconds())
	// days adds day, hour and the visitor of the day to the rows of near for which a condition holds.
	days := func(condition string) string {
		return fmt.Sprintf("select * replace (case when visitor is not null then hash(visitor, day_number) end as visitor,\n"+
			"  bot or id in (from spam) or id in (from idle) as bot,\n"+
			"  case when bot then coalesce(bot_reason, 'agent') when id in (from spam) then 'referrer' when id in (from idle) then 'no engagement' end as bot_reason),\n"+
			"  date '1970-01-01' + cast(day_number as integer) as day, lpad(cast(local %% %[1]d // 3600000000 as varchar), 2, '0') as hour\n"+
			"  from (select *, local // %[1]d - if(id in (from moved), 1, 0) as day_number from near where %[2]s) where %[3]s",
			dayMicros, condition, strings.Join(inside, " and "))
	}
	return []part{
		{"near", fmt.Sprintf("select *, epoch_us(received_at) + %s as local from beacons where %s", s.offset(), strings.Join(near, " and ")), false},
		// The bits are the numbers of a view. A view with greater numbers is looked at in any case.
		{"doubled", "select unnest(list(id order by received_at, id)[2:]) as id from near\n" +
			"  where hash(view) in (select hash(view) from near group by hash(view) having count(*) > bit_count(bit_or(1::bigint << greatest(least(n, 62), 0))) or max(n) >= 62) group by view, n", true},
		{"crossing", fmt.Sprintf("select view, day from (select view, %s as after, local // %d - if(after, 1, 0) as day from near where %s or %s)\n"+
			"  group by all having bool_or(after) and not bool_and(after)", early, dayMicros, early, late), true},
		{"moved", fmt.Sprintf("select id from near semi join (select view, day from crossing) c on near.view = c.view and near.local // %d - 1 = c.day where %s", dayMicros, early), true},
		{"spam", "select id from near where not bot and view in (select view from near where bot_reason = 'referrer')", true},
		{"idle", fmt.Sprintf("select id from near semi join (select visitor, local // %[1]d as day from near where not bot and visitor is not null\n"+
			"  group by all having count(*) >= %[2]d and bool_and(name = 'view')) i on near.visitor = i.visitor and near.local // %[1]d = i.day\n"+
			"  where not bot and id not in (from moved)", dayMicros, idleViews), true},
		{"arrived", days("id not in (from doubled)"), false},
		{"copies", days("id in (from doubled)"), false},
		{"v", "select * from arrived where " + people, false},
	}
}

// offset is the SQL of what is added to UTC, in microseconds, in the scope's time zone.
func (s scope) offset() string {
	end := s.to
	if end.IsZero() {
		end = s.from.AddDate(1, 0, 0)
	}
	end = end.Add(reach)
	var cases strings.Builder
	at := s.from.Add(-reach)
	for {
		_, seconds := at.Zone()
		_, next := at.ZoneBounds()
		if next.IsZero() || next.After(end) {
			if cases.Len() == 0 {
				return fmt.Sprint(seconds * 1_000_000)
			}
			return fmt.Sprintf("case %selse %d end", cases.String(), seconds*1_000_000)
		}
		fmt.Fprintf(&cases, "when received_at < %s then %d ", instant(next), seconds*1_000_000)
		at = next
	}
}

// setup returns the statements before a panel's query. If it is additive, the macros return what can be added.
func (s scope) setup(p Panel) (statements []string) {
	parts := s.parts()
	if p.nearOnly {
		parts = parts[:1]
	}
	for _, p := range parts {
		kind := "view"
		if p.once {
			kind = "table"
		}
		statements = append(statements, fmt.Sprintf("create temp %s %s as %s", kind, p.name, p.sql))
	}
	if !p.Additive {
		return statements
	}
	return append(statements,
		fmt.Sprintf("create or replace temp macro p50(x) as {'p50': %s}", bucketsSQL),
		fmt.Sprintf("create or replace temp macro p75(x) as {'p75': %s}", bucketsSQL),
		"create or replace temp macro ratio(a, b) as {'ratio': [coalesce(a, 0), coalesce(b, 0)]}",
		"create or replace temp macro latest(x) as {'latest': epoch_us(max(x))}",
		fmt.Sprintf("create or replace temp macro uniq(x) as {'uniq': list(distinct x)[:%d]}", maxUniq),
	)
}

// Query returns the SQL of a panel for "beacon query".
func (p Panel) Query(f Filter) string {
	var with []string
	for _, part := range (scope{Filter: f, from: f.Period.From, to: f.Period.To}).parts() {
		word := "as"
		if part.once {
			word = "as materialized"
		}
		with = append(with, fmt.Sprintf("%s %s (\n  %s\n)", part.name, word, part.sql))
	}
	return "with " + strings.Join(with, ", ") + "\nfrom (\n" + p.SQL + "\n)"
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func instant(t time.Time) string {
	return "timestamptz " + literal(t.UTC().Format("2006-01-02 15:04:05.999999")+"+00")
}

// maxUniq is how many values a cell of uniq has at most.
const maxUniq = 1000
