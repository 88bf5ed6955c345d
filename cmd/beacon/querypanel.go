package main

import (
	"net/url"

	"github.com/spf13/pflag"
)

// panelQuery are the flags of beacon query that ask for a panel in place of SQL.
type panelQuery struct {
	panel, from, to, site, stream string
	filters                       []string
	bots                          bool
}

func (q *panelQuery) flags(f *pflag.FlagSet) {
	f.StringVar(&q.panel, "panel", "", "`name` of a panel of the dashboard, in place of SQL, such as headline, pages, sources, vitals or errors")
	f.StringVar(&q.from, "from", "7d", "with --panel: first `day`, as a date such as 2026-11-01, as a number of days up to today such as 7d, or as yesterday, month or lastmonth")
	f.StringVar(&q.to, "to", "", "with --panel: last `day`, as a date; the default is today")
	f.StringVar(&q.site, "site", "", "with --panel: `origin` of the pages, such as https://shop.example; the default is all")
	f.StringVar(&q.stream, "stream", "", "with --panel: `stream` of the browser script's events; the default is that of serve --script")
	f.StringArrayVar(&q.filters, "filter", nil, "with --panel: `COLUMN=VALUE`, such as path=/cart or browser=Firefox; may be repeated")
	f.BoolVar(&q.bots, "bots", false, "with --panel: with the events of bots")
}

// request returns the page of the admin endpoint and its query.
func (q *panelQuery) request(zone string) (page string, query url.Values) {
	query = url.Values{"filter": q.filters}
	for name, value := range map[string]string{"from": q.from, "to": q.to, "site": q.site, "stream": q.stream, "zone": zone} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if q.bots {
		query.Set("bots", "1")
	}
	return "panel/" + url.PathEscape(q.panel), query
}
