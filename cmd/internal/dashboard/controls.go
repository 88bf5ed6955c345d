package dashboard

import (
	"cmp"
	"net/url"
	"time"
)

// A link is a text with a URL.
type link struct {
	Text, URL string
	Current   bool
}

// periods are the links to periods: what from is in the URL, and the text.
var periods = [][2]string{{"1d", "Today"}, {"yesterday", "Yesterday"}, {"7d", "7 days"}, {"30d", "30 days"}, {"90d", "90 days"}, {"month", "This month"}, {"lastmonth", "Last month"}}

// query returns the URL's query of a filter and the tabs that were chosen.
func (p *page) query(f Filter) url.Values {
	q := f.query()
	if len(p.tabs) > 0 {
		q["tab"] = p.tabs
	}
	return q
}

func (p *page) url(f Filter) string { return "/?" + p.query(f).Encode() }

// days is the period as text.
func (p *page) days() string {
	first, last := p.filter.Period.From, p.filter.Period.To.Add(-time.Nanosecond)
	span := last.Format("2 Jan 2006")
	if first.Format(time.DateOnly) != last.Format(time.DateOnly) {
		span = first.Format("2 Jan 2006") + " to " + span
	}
	return span
}

// filters is what the template of the same name shows: the site, the days and the filters.
func (p *page) filters(title string, sites []string) map[string]any {
	var days, chips []link
	for _, x := range periods {
		f := p.filter
		f.Period = Period{Text: x[0]}
		days = append(days, link{x[1], p.url(f), p.filter.Period.Text == x[0] && p.problem == ""})
	}
	for _, e := range p.filter.Equal {
		chips = append(chips, link{Text: label(e.Column) + " is " + e.Value, URL: p.url(p.filter.without(e.Column))})
	}
	f := p.filter
	f.Bots = false
	if p.filter.Bots {
		chips = append(chips, link{Text: "with bots", URL: p.url(f)})
	}
	if len(sites) == 0 && p.filter.Site != "" {
		sites = []string{p.filter.Site}
	}
	// Each form keeps what the other one chooses.
	ofSite, ofDays := p.query(p.filter), p.query(p.filter)
	ofSite.Del("site")
	ofDays.Del("from")
	ofDays.Del("to")
	about := cmp.Or(p.filter.Site, "all sites")
	zone := p.filter.Period.From.Location()
	if p.problem == "" {
		about += ", " + p.days() + ", as of " + p.now.In(zone).Format("15:04")
	}
	first, last := p.filter.Period.From, p.filter.Period.To.Add(-time.Nanosecond)
	return map[string]any{"Title": title, "About": about, "Filter": p.filter, "Sites": sites, "Periods": days, "Chips": chips,
		"OfSite": ofSite, "OfDays": ofDays, "Open": p.filter.Period.Text == "" || p.first != "",
		"First": cmp.Or(p.first, first.Format(time.DateOnly)), "Last": cmp.Or(p.last, last.Format(time.DateOnly)),
		"Single": p.single, "All": p.url(p.filter), "Today": p.now.In(zone).Format(time.DateOnly)}
}
