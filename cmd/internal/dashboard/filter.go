package dashboard

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A Filter chooses the events of a panel.
type Filter struct {
	Stream string // of the script's events, such as /visits
	Site   string // the pages' origin, such as https://shop.example; "" is all
	Period Period
	Bots   bool // with the events of bots
	Equal  []Equal
}

// An Equal requires a column's value.
type Equal struct{ Column, Value string }

// maxEqual is how many of them a filter has at most.
const maxEqual = 20

// filterable are the columns of an Equal.
var filterable = []string{"path", "source", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
	"country", "browser", "os", "device", "screen", "language", "name", "status"}

// ParseEqual parses COLUMN=VALUE.
func ParseEqual(text string) (Equal, error) {
	column, value, ok := strings.Cut(text, "=")
	if !ok || !slices.Contains(filterable, column) {
		return Equal{}, fmt.Errorf("filter %q: write COLUMN=VALUE, with one of the columns %s", text, strings.Join(filterable, ", "))
	}
	return Equal{column, value}, nil
}

// A Period is a span of days in a time zone.
type Period struct {
	Text     string    // what it was parsed from, such as 7d or yesterday; "" if it was two dates
	From, To time.Time // midnights; To is not included. In the period before, To can be another time of day
}

// maxDays is how long a period may be.
const maxDays = 3660

// errReversed is the error of a period that ends before it begins.
var errReversed = errors.New("write the earlier date first")

// namedPeriod returns the first day of a period that has a name, and the day after its last day. Both are numbers of
// days. month is the month up to today, as 7d is.
func namedPeriod(name string, now time.Time) (first, end int, ok bool) {
	today := dayNumber(now)
	ofMonth := today - now.Day() + 1
	switch name {
	case "yesterday":
		return today - 1, today, true
	case "month":
		return ofMonth, today + 1, true
	case "lastmonth":
		last := dayStart(ofMonth-1, now.Location())
		return ofMonth - last.Day(), ofMonth, true
	}
	return 0, 0, false
}

// ParsePeriod parses the first day and the last. from is a date, 7d for the last seven days, today included, or one of
// yesterday, month and lastmonth. to is a date, or "" for today.
func ParsePeriod(from, to string, now time.Time, zone *time.Location) (Period, error) {
	today := dayNumber(now.In(zone))
	p := Period{To: dayStart(today+1, zone)}
	if to != "" {
		last, err := time.Parse(time.DateOnly, to)
		if err != nil {
			return p, fmt.Errorf("to %q: write a date such as 2026-11-30, which is the last day", to)
		}
		p.To = dayStart(dayNumber(last)+1, zone)
	}
	var days int
	if n, err := fmt.Sscanf(from, "%dd", &days); n == 1 && err == nil && fmt.Sprintf("%dd", days) == from && days >= 1 && days <= maxDays {
		if to != "" {
			return p, fmt.Errorf("from %q ends today, so it has no to: write two dates, or only from", from)
		}
		p.Text, p.From = from, dayStart(today+1-days, zone)
		return p, nil
	}
	if first, end, ok := namedPeriod(from, now.In(zone)); ok {
		if to != "" {
			return p, fmt.Errorf("from %q has an end of its own, so it has no to: write two dates, or only from", from)
		}
		return Period{Text: from, From: dayStart(first, zone), To: dayStart(end, zone)}, nil
	}
	date, err := time.Parse(time.DateOnly, from)
	first := dayStart(dayNumber(date), zone)
	switch {
	case err != nil:
		return p, fmt.Errorf("from %q: write days such as 7d, %d at most, yesterday, month, lastmonth, or a date such as 2026-11-01", from, maxDays)
	case !first.Before(p.To):
		return p, fmt.Errorf("from %s is after to: %w", from, errReversed)
	case p.To.Sub(first) > maxDays*24*time.Hour:
		return p, fmt.Errorf("from %s is more than %d days before to: choose a shorter time", from, maxDays)
	}
	p.From = first
	return p, nil
}

// days returns how many days the period has.
func (p Period) days() int { return dayNumber(p.To.Add(-time.Nanosecond)) - dayNumber(p.From) + 1 }

// before returns the period before: as many days, up to the same time of day if the period is not over.
func (p Period) before(now time.Time) Period {
	shift := func(t time.Time) time.Time {
		if isMidnight(t) {
			return dayStart(dayNumber(t)-p.days(), t.Location())
		}
		return time.Date(t.Year(), t.Month(), t.Day()-p.days(), t.Hour(), t.Minute(), 0, 0, t.Location())
	}
	end := p.To
	if now.Before(end) {
		end = now.In(p.To.Location())
	}
	return Period{From: shift(p.From), To: shift(end)}
}

// dayNumber is the number of the day of t in its time zone, counted from 1970-01-01.
func dayNumber(t time.Time) int {
	y, m, d := t.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

// dayStart returns the beginning of a day: midnight, or later where the clock is set forward at midnight.
func dayStart(number int, zone *time.Location) time.Time {
	y, m, d := time.Unix(int64(number)*24*60*60, 0).UTC().Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if dayNumber(t) < number {
		_, t = t.ZoneBounds()
	}
	return t
}

// isMidnight reports whether t is the beginning of a day.
func isMidnight(t time.Time) bool { return dayNumber(t) != dayNumber(t.Add(-time.Nanosecond)) }

// ParseFilter returns the filter of a URL's query: site, from, to, bots=1, and filter=COLUMN=VALUE for each Equal. Without
// from it is the last seven days.
func ParseFilter(q url.Values, stream string, now time.Time, zone func(site string) *time.Location) (f Filter, err error) {
	f = Filter{Stream: stream, Site: origin(q.Get("site")), Bots: q.Get("bots") == "1"}
	for _, values := range q {
		if slices.ContainsFunc(values, func(v string) bool { return strings.ContainsRune(v, 0) || !utf8.ValidString(v) }) {
			return f, errors.New("there is a NUL or text that is not UTF-8 in the URL: leave it out")
		}
	}
	from := q.Get("from")
	if from == "" {
		from = "7d"
	}
	if f.Period, err = ParsePeriod(from, q.Get("to"), now, zone(f.Site)); err != nil {
		return f, err
	}
	for _, text := range q["filter"] {
		e, err := ParseEqual(text)
		if err != nil {
			return f, err
		}
		if !slices.Contains(f.Equal, e) {
			f.Equal = append(f.Equal, e)
		}
	}
	if len(f.Equal) > maxEqual {
		return f, fmt.Errorf("there are %d filters: write %d at most", len(f.Equal), maxEqual)
	}
	return f, nil
}

// origin returns a site without a slash at its end. The origin file:// has two.
func origin(site string) string {
	if strings.HasSuffix(site, "//") {
		return site
	}
	return strings.TrimSuffix(site, "/")
}

// query returns the URL's query of a filter.
func (f Filter) query() url.Values {
	q := url.Values{}
	if f.Site != "" {
		q.Set("site", f.Site)
	}
	if f.Period.Text != "" {
		q.Set("from", f.Period.Text)
	} else {
		q.Set("from", f.Period.From.Format(time.DateOnly))
		q.Set("to", f.Period.To.Add(-time.Nanosecond).Format(time.DateOnly))
	}
	for _, e := range f.Equal {
		q.Add("filter", e.Column+"="+e.Value)
	}
	if f.Bots {
		q.Set("bots", "1")
	}
	return q
}

// with returns the filter with one more Equal, in place of another of its column.
func (f Filter) with(e Equal) Filter {
	f = f.without(e.Column)
	f.Equal = append(f.Equal, e)
	return f
}

// without returns the filter without the Equal of a column.
func (f Filter) without(column string) Filter {
	f.Equal = slices.DeleteFunc(slices.Clone(f.Equal), func(e Equal) bool { return e.Column == column })
	return f
}
