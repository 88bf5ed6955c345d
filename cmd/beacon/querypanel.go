package main

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // for systems without time zones, such as Windows

	"github.com/spf13/pflag"

	"github.com/seed-d051cf5a/beacon/cmd/internal/dashboard"
)

// panelQuery are the flags of beacon query that ask for a panel in place of SQL.
type panelQuery struct {
	panel, from, to, site, stream string
	filters                       []string
	bots                          bool
}

func (q *panelQuery) flags(f *pflag.FlagSet) {
	f.StringVar(&q.panel, "panel", "", "`name` of a question about a site, in place of SQL: "+strings.Join(panelNames(), ", "))
	f.StringVar(&q.from, "from", "7d", "with --panel: first `time`, as an age such as 7d, or as a date such as 2026-11-01")
	f.StringVar(&q.to, "to", "", "with --panel: `time` at which it ends, an age or a date, which is not included")
	f.StringVar(&q.site, "site", "", "with --panel: `origin` of the pages, such as https://shop.example; the default is all")
	f.StringVar(&q.stream, "stream", "/visits", "with --panel: `stream` of the browser script's events")
	f.StringArrayVar(&q.filters, "filter", nil, "with --panel: `COLUMN=VALUE`, such as path=/cart or browser=Firefox; may be repeated")
	f.BoolVar(&q.bots, "bots", false, "with --panel: with the events of bots")
}

func panelNames() (names []string) {
	for _, p := range dashboard.Panels() {
		names = append(names, p.Name)
	}
	return names
}

// sql returns the query of the panel. Dates begin in zone.
func (q *panelQuery) sql(now time.Time, zone string) (string, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return "", usagef("--timezone %q: there is no such time zone: write one like Europe/Berlin or UTC", zone)
	}
	f := dashboard.Filter{Stream: q.stream, Site: strings.TrimSuffix(q.site, "/"), Bots: q.bots}
	if f.From, err = parseWhen(q.from, now, location); err != nil {
		return "", usagef("--from %w", err)
	}
	if q.to != "" {
		if f.To, err = parseWhen(q.to, now, location); err != nil {
			return "", usagef("--to %w", err)
		}
		if !f.From.Before(f.To) {
			return "", usagef("--from %s is not before --to %s", q.from, q.to)
		}
	}
	for _, text := range q.filters {
		e, err := dashboard.ParseEqual(text)
		if err != nil {
			return "", usagef("--%w", err)
		}
		f.Equal = append(f.Equal, e)
	}
	for _, p := range dashboard.Panels() {
		if p.Name == q.panel {
			return p.Query(f), nil
		}
	}
	return "", usagef("--panel %q: there is no such panel: write one of %s", q.panel, strings.Join(panelNames(), ", "))
}

// parseWhen parses an age before now, such as 7d, or a date.
func parseWhen(text string, now time.Time, location *time.Location) (time.Time, error) {
	var age ageFlag
	if age.Set(text) == nil {
		return now.Add(-time.Duration(age)), nil
	}
	if date, err := time.ParseInLocation(time.DateOnly, text, location); err == nil {
		return date, nil
	}
	return time.Time{}, fmt.Errorf("%q: write an age such as 7d or 12h, or a date such as 2026-11-01", text)
}
