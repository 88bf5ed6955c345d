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
	whole    bool      // with all columns of events
}

const (
	// margin is how long after midnight an event can belong to the day before.
	margin = 2 * time.Hour
	// reach is how far from its days a scope reads events: a clock that is set back makes two hours three.
	reach = margin + time.Hour
)

// conditions returns those of the events that a scope reads, and those of the events that belong to its days. The latter
// have the column day_number.
func (s scope) conditions() (reads, belongs string) {
	from, to := s.reads()
	// Anyone can send events, so numbers that no script sends are left out: sums of them could overflow.
	near := []string{"stream = " + literal(s.Stream), "view is not null", fmt.Sprintf("n between 1 and %d", maxN), fmt.Sprintf("weight between 0 and %d", maxWeight),
		"received_at >= " + instant(from)}
	if !to.IsZero() {
		near = append(near, "received_at < "+instant(to))
	}
	if s.Site != "" {
		near = append(near, "origin = "+literal(s.Site))
	}
	inside := []string{fmt.Sprintf("day_number >= %d", dayNumber(s.from))}
	switch {
	case s.to.IsZero(): // up to the end of today
		inside = append(inside, fmt.Sprintf("day_number < %d", dayNumber(s.Period.To)))
	case isMidnight(s.to):
		inside = append(inside, fmt.Sprintf("day_number < %d", dayNumber(s.to.In(s.from.Location()))))
	default:
		inside = append(inside, "received_at < "+instant(s.to))
	}
	return strings.Join(near, " and "), strings.Join(inside, " and ")
}

// offset is the SQL of what is added to UTC at the time in a column, in microseconds, in the scope's time zone.
func (s scope) offset(column string) string {
	at, end := s.reads()
	if end.IsZero() {
		end = s.from.AddDate(1, 0, 0)
	}
	var cases strings.Builder
	for {
		_, seconds := at.Zone()
		_, next := at.ZoneBounds()
		if next.IsZero() || next.After(end) {
			if cases.Len() == 0 {
				return fmt.Sprint(seconds * 1_000_000)
			}
			return fmt.Sprintf("case %selse %d end", cases.String(), seconds*1_000_000)
		}
		fmt.Fprintf(&cases, "when %s < %s then %d ", column, instant(next), seconds*1_000_000)
		at = next
	}
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func instant(t time.Time) string {
	return "timestamptz " + literal(t.UTC().Format("2006-01-02 15:04:05.999999")+"+00")
}

// reads returns from when on and until when a scope reads events. A zero to is now.
func (s scope) reads() (from, to time.Time) {
	if !s.to.IsZero() {
		to = s.to.Add(reach)
	}
	return s.from.Add(-reach), to
}
