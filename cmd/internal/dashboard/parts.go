package dashboard

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Anyone can send events. Those with numbers that no script sends are left out, as sums of them could overflow, and other
// values are cut.
const (
	maxN       = 100_000   // events of a view
	maxWeight  = 1_000_000 // views that one stands for
	maxSeconds = 24 * 60 * 60
	maxVital   = 10 * 60 * 1000 // milliseconds
	maxText    = 500            // characters
)

var (
	vitalColumns = []string{"lcp", "inp", "cls", "fcp", "ttfb"}
	texts        = []string{"path", "source", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "screen", "language", "props_url", "props_message"}
)

const dayMicros = 24 * 60 * 60 * 1_000_000

// pauseMicros is how long a visitor does nothing between two sessions.
const pauseMicros = 30 * 60 * 1_000_000

// idleViews is how many views a visitor must have on a day, and no other event, to count as a bot: a browser of a person
// sends an event when it leaves at least one of the pages.
const idleViews = 10

// A part is a SELECT with a name, which panels and later parts use.
type part struct {
	name, sql string
	once      bool // its rows are computed once
}

// replaces are parts that another one replaces: its rows are all that later parts need.
var replaces = map[string]string{"views": "seen", "all_views": "seen"}

// pageColumns are the columns of pages that come from a view's first event.
var pageColumns = []string{"path", "status", "source", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "country", "browser", "os", "device", "screen", "language"}

// sessionColumns are those of a filter that belong to the first view of a session.
var sessionColumns = []string{"source", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}

// parts are the SELECTs for panels. Panels use these:
//
//	views     a row for each view of a person that the filter chooses: numbers and times
//	pages     views with pageColumns
//	started   the rows of views that began the sessions of the chosen views
//	entries   the same rows of pages
//	v         the events of those views, each once, with day, hour and local
//	named     the events of v with other names than view, leave and progress
//	events    the events of those views, also those that came again; quicker than v
//	received  events, and those of bots
//	arrived   received, each once
//
// An event counts once, however often it arrived: its first row. It belongs to the day, in the site's time zone, in which
// it was received. But one that comes within two hours after midnight belongs to the day before if another event of its
// view came in the two hours before midnight. So the rows of one day do not depend on other days, and answers can be added.
//
// Nearly all views begin and end within one day. So views are first grouped with all that they have (seen), by aggregates
// that are the same if an event comes twice, and the rows of the others alone are looked at one by one (odd). The column
// view is a hash: it takes half the time of text. local is the time in the site's time zone, in microseconds: the engine
// computes with it ten times as fast as with received_at.
func (s scope) parts() []part {
	reads, inside := s.conditions()
	day := fmt.Sprintf("local // %d", dayMicros)
	clock := fmt.Sprintf("local %% %d", dayMicros)
	early, late := fmt.Sprintf("%s < %d", clock, margin.Microseconds()), fmt.Sprintf("%s >= %d", clock, dayMicros-margin.Microseconds())
	date := "date '1970-01-01' + cast(day_number as integer) as day"
	hour := fmt.Sprintf("cast(%s // 3600000000 as tinyint) as hour", clock)
	// days adds day, hour, the visitor of the day and why it is a bot to events with the column day_number.
	days := func(events string) string {
		return fmt.Sprintf("select * replace (case when visitor is not null then hash(hash(visitor), day_number) end as visitor, bot or spam or idle as bot,\n"+
			"  case when bot then coalesce(bot_reason, 'agent') when spam then 'referrer' when idle then 'no engagement' end as bot_reason),\n"+
			"  %s, %s\n  from (%s) where %s", date, hour, events, inside)
	}
	divided := "false" // is whether the end of the scope divides a view
	if !s.to.IsZero() && !isMidnight(s.to) {
		divided = fmt.Sprintf("received_at < %[1]s and ended >= %[1]s", instant(s.to))
	}
	people := "not bot"
	if s.Bots {
		people = "true"
	}
	var columns, anyColumns, cut []string
	for _, c := range texts {
		cut = append(cut, cutSQL(c)+" as "+c)
	}
	for _, c := range pageColumns {
		if slices.Contains(texts, c) {
			columns = append(columns, cutSQL("e."+c)+" as "+c)
		} else {
			columns = append(columns, "e."+c)
		}
		anyColumns = append(anyColumns, fmt.Sprintf("any_value(%s) as %[1]s", c))
	}
	views, pages, received, all, person := "views", "pages", "received", people, "visitor"
	if len(s.Equal) > 0 { // it chooses from these, also views of bots
		views, pages, received, all = "all_views", "all_pages", "all_received", "true"
		if !s.Bots {
			person = "visitor, bot"
		}
	}
	sane := []string{"hash(view) as view", fmt.Sprintf("if(seconds between 0 and %d, seconds, null) as seconds", maxSeconds)}
	for _, c := range vitalColumns {
		sane = append(sane, fmt.Sprintf("if(%s between 0 and %d, %[1]s, null) as %[1]s", c, maxVital))
	}
	parts := []part{
		{"near", fmt.Sprintf("select * replace (%s), epoch_us(received_at) + %s as local from beacons where %s", strings.Join(sane, ", "), s.offset("received_at"), reads), false},
		{"seen", fmt.Sprintf("select *, epoch_us(received_at) + %s as local, epoch_us(ended) + %s as last_local from (\n"+
			"  select view, count(*) as came, bit_or(1::bigint << least(n, 62)) as numbers, min(n) as first, max(n) as last,\n"+
			"  count(*) filter (name = 'view') as opened, bool_or(name = 'leave') as ended_well, bool_or(bot) as bot, bool_and(bot) as all_bot, bool_or(bot_reason = 'referrer') as spam,\n"+
			"  min(received_at) as received_at, max(received_at) as ended, max(seconds) as seconds,\n"+
			"  max(case when name = 'view' and visitor is not null then hash(visitor) end) as visitor, max(case when name = 'view' then weight end) as weight\n"+
			"  from near group by view)", s.offset("received_at"), s.offset("ended")), true},
		{"special", fmt.Sprintf("select view, last >= 62 or opened <> 1 or %[1]s <> last_local // %[2]d or bot <> all_bot or %[3]s as odd,\n"+
			"  coalesce(spam, false) as spam, i.visitor is not null as idle\n"+
			"  from seen left join (select visitor, %[1]s as day from seen where not bot and visitor is not null\n"+
			"    group by all having count(*) >= %[4]d and bool_and(last = 1)) i on seen.visitor = i.visitor and %[1]s = i.day where odd or spam or idle",
			day, dayMicros, divided, idleViews), true},
		{"odd", "select id, received_at, local, near.view, n, name, weight, visitor, bot, bot_reason, seconds, spam, idle, row_number() over (partition by near.view, n order by received_at, id) > 1 as copy\n" +
			"  from near join (from special where odd) s on near.view = s.view", true},
		{"moved", fmt.Sprintf("select id from odd semi join (select view, %s as day from odd where %s) e on odd.view = e.view and odd.%[1]s - 1 = e.day where %[3]s", day, late, early), true},
		{"settled", days(fmt.Sprintf("select *, %s - if(id in (from moved), 1, 0) as day_number from odd", day)), true},
		{"odd_rest", s.oddRestSQL(), true}, // columns that views do not have
		{received, days(fmt.Sprintf("select near.* replace (%s), coalesce(spam, false) as spam, coalesce(idle, false) as idle, %s as day_number\n"+
			"  from near left join special s on near.view = s.view where not coalesce(odd, false)", strings.Join(cut, ", "), day)) +
			"\nunion all by name\nselect settled.* exclude (copy), odd_rest.* exclude (id) from settled join odd_rest using (id)", false},
		{"doubled", "select unnest(list(id order by received_at, id)[2:]) as id from near group by view, n having count(*) > 1", true},
		{views, fmt.Sprintf("select *, %s, visitor is null or coalesce(local - lag(local) over w > %[2]d, true) as entry, visitor is null or coalesce(lead(local) over w - local > %[2]d, true) as exit from (\n"+
			"  select seen.view, case when visitor is not null then hash(visitor, day_number) end as visitor, weight, seconds, bit_count(numbers) as arrived, came - bit_count(numbers) as copies, first, last, ended_well, ended, local, %s,\n"+
			"  bot or s.view is not null as bot, false as odd\n"+
			"  from (select *, %s as day_number from seen) seen left join special s on seen.view = s.view where not coalesce(odd, false) and %s\n"+
			"  union all by name\n"+
			"  select view, max(visitor) filter (name = 'view') as visitor, max(weight) filter (name = 'view') as weight, max(seconds) as seconds,\n"+
			"  count(*) filter (not copy) as arrived, count(*) filter (copy) as copies, min(n) as first, max(n) as last, bool_or(name = 'leave') as ended_well,\n"+
			"  max(received_at) as ended, min(local) as local, min(day) as day, bool_or(bot) as bot, true as odd\n"+
			"  from settled group by view\n"+
			") where %s window w as (partition by %s order by local, view)", hour, pauseMicros, date, day, inside, all, person), true},
		{pages, fmt.Sprintf("select %s.*, %s from near e join %[1]s on e.view = %[1]s.view and not odd where name = 'view'\n"+
			"union all by name\n"+
			"select %[1]s.*, e.* exclude (odd_view) from %[1]s join (select view as odd_view, %[3]s from settled join odd_rest using (id) where not copy group by view) e on %[1]s.view = odd_view",
			views, strings.Join(columns, ", "), strings.Join(anyColumns, ", ")), true},
	}
	if len(s.Equal) == 0 {
		parts = append(parts,
			part{"started", "from views where entry and weight is not null", false},
			part{"entries", "from pages where entry and weight is not null", false},
		)
	} else {
		parts = append(parts, s.chosenParts(people, person)...)
	}
	return append(parts,
		part{"events", "from received where " + people, false},
		part{"arrived", "from received where id not in (from doubled)", false},
		part{"v", "from arrived where " + people, false},
		part{"named", "from events where name not in ('view', 'leave', 'progress') qualify row_number() over (partition by view, n order by received_at, id) = 1", false},
	)
}

// chosenParts are the parts that choose from all views. people is the condition of views, and person the columns by which
// their visitors differ.
func (s scope) chosenParts(people, person string) []part {
	began := "entry and weight is not null and view in (select view from sessions where session in (select session from sessions semi join views on sessions.view = views.view))"
	chosen := func(from, condition string) string {
		return fmt.Sprintf("from %s where view in (from chosen) and %s", from, condition)
	}
	return []part{
		{"sessions", fmt.Sprintf("select view, hash(%[1]s, max(if(entry, local, null)) over (partition by %[1]s order by local, view)) as session from all_views where visitor is not null\n"+
			"union all select view, view from all_views where visitor is null", person), true},
		{"chosen", s.chosenSQL(), true},
		{"views", chosen("all_views", people), false},
		{"pages", chosen("all_pages", people), false},
		{"started", "from all_views where " + began, false},
		{"entries", "from all_pages where " + began, false},
		{"received", chosen("all_received", "true"), false},
	}
}

// narrowColumns are the columns of odd_rest that the panels of this package use.
var narrowColumns = slices.Concat(vitalColumns, []string{"props_url", "props_message"}, pageColumns)

// oddRestSQL is the SQL of the columns of odd's events that odd lacks. To read all columns takes three times as long.
func (s scope) oddRestSQL() string {
	columns := strings.Join(narrowColumns, ", ")
	if s.whole {
		columns = "near.* exclude (id, received_at, local, view, n, name, weight, visitor, bot, bot_reason, seconds)"
	}
	var cut []string
	for _, c := range texts {
		cut = append(cut, cutSQL(c)+" as "+c)
	}
	return "select * replace (" + strings.Join(cut, ", ") + ") from (select id, " + columns + " from near semi join odd using (id))"
}

// cutSQL is the SQL of a text of at most maxText bytes, or maxText characters if it is longer. NULL is in place of an empty one.
func cutSQL(column string) string {
	return fmt.Sprintf("case when strlen(%s) between 1 and %d then %[1]s when strlen(%[1]s) > 0 then left(%[1]s, %[2]d) end", column, maxText)
}

// chosenSQL is the SQL of the views that the filter chooses.
func (s scope) chosenSQL() string {
	var conditions []string
	for _, e := range s.Equal {
		equal := fmt.Sprintf("cast(%s as varchar) = %s", e.Column, literal(e.Value))
		switch {
		case e.Column == "name":
			equal = "view in (select view from all_received where " + equal + ")"
		case slices.Contains(sessionColumns, e.Column):
			if e.Column == "source" {
				equal = "coalesce(utm_source, source, 'direct') = " + literal(e.Value)
			}
			equal = "view in (select view from sessions where session in (select session from sessions where view in (select view from all_pages where entry and weight is not null and " + equal + ")))"
		default:
			equal = "view in (select view from all_pages where " + equal + ")"
		}
		conditions = append(conditions, equal)
	}
	return "select view from all_views where " + strings.Join(conditions, " and ")
}

// Where SQL can use a part. Only panels have lists of them, with commas.
var (
	afterFrom  = regexp.MustCompile(`(?i)\b(?:from|join)\s+(\w+)`)
	afterComma = regexp.MustCompile(`,\s*(\w+)`)
)

// uses adds the names of parts that SQL can use.
func uses(names map[string]bool, sql string, where ...*regexp.Regexp) {
	for _, r := range where {
		for _, m := range r.FindAllStringSubmatch(sql, -1) {
			names[strings.ToLower(m[1])] = true
		}
	}
}

// needed returns those of parts that sql uses, directly or by way of others, in their order.
func needed(parts []part, sql string) []part {
	need := map[string]bool{}
	uses(need, sql, afterFrom, afterComma)
	for _, p := range slices.Backward(parts) {
		if need[p.name] {
			uses(need, p.sql, afterFrom)
		}
	}
	return slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return !need[p.name] })
}

// create returns the statements that make the part.
func (p part) create() []string {
	kind := "view"
	if p.once {
		kind = "table"
	}
	statements := []string{fmt.Sprintf("create temp %s %s as %s", kind, p.name, p.sql)}
	if old := replaces[p.name]; old != "" && p.once {
		statements = append(statements, "drop table "+old)
	}
	return statements
}

// Query returns the SQL of a panel for "beacon query".
func (p Panel) Query(f Filter) string {
	var with []string
	for _, part := range needed(scope{Filter: f, from: f.Period.From, to: f.Period.To, whole: true}.parts(), p.SQL) {
		word := "as"
		if part.once {
			word = "as materialized"
		}
		with = append(with, fmt.Sprintf("%s %s (\n  %s\n)", part.name, word, part.sql))
	}
	if len(with) == 0 {
		return p.SQL
	}
	return "with " + strings.Join(with, ", ") + "\nfrom (\n" + p.SQL + "\n)"
}

// maxUniq is how many values a cell of uniq has at most.
const maxUniq = 1000

// additive are the macros that return what can be added.
var additive = []string{
	fmt.Sprintf("create or replace temp macro p50(x) as {'p50': %s}", bucketsSQL),
	fmt.Sprintf("create or replace temp macro p75(x) as {'p75': %s}", bucketsSQL),
	"create or replace temp macro ratio(a, b) as {'ratio': [coalesce(a, 0), coalesce(b, 0)]}",
	"create or replace temp macro latest(x) as {'latest': epoch_us(max(x))}",
	fmt.Sprintf("create or replace temp macro uniq(x) as {'uniq': list(distinct x)[:%d]}", maxUniq),
}
