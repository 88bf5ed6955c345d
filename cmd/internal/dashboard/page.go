package dashboard

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

//go:embed page.html
var pageFiles embed.FS

var pageTemplate = template.Must(template.ParseFS(pageFiles, "page.html"))

const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const (
	rowsOnPage = 10
	rowsAlone  = 100
	maxSites   = 50
)

// sitesPanel counts the views of each site. It asks near, which takes a tenth of the time of v.
var sitesPanel = Panel{narrow: true, Additive: true, SQL: "select origin as site, count(*) as views from near where name = 'view' and not bot and origin is not null group by origin order by views desc"}

// A Fact is a number that is not in the table.
type Fact struct {
	Label string
	Value string
	About string // what it counts
}

// Page returns the handler of the page. script is the path of the browser script, facts are shown at the end.
func (b *Board) Page(script string, facts func() []Fact) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "This page answers only GET and HEAD.", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if r.Method == http.MethodHead {
			return
		}
		p := &page{board: b, w: w, flush: http.NewResponseController(w).Flush, now: b.now()}
		scheme := "http"
		if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
			scheme = "https"
		}
		p.script = (&url.URL{Scheme: scheme, Host: r.Host, Path: script}).String()
		p.render(r.Context(), r.URL.Query(), facts)
	})
}

// A page is one answer of Page. Its parts are sent as soon as they are known.
type page struct {
	board  *Board
	w      io.Writer
	flush  func() error
	now    time.Time
	script string
	filter Filter
	tabs   []string // the panels that were chosen in their groups
	single bool     // one panel with its SQL
	// problem is what is wrong with the URL, or "".
	problem string
	// first and last are the dates of a wrong URL, which the form shows again.
	first, last string
}

func (p *page) write(name string, data any) {
	// An error means that the browser has gone. The context of the request then ends.
	if pageTemplate.ExecuteTemplate(p.w, name, data) == nil {
		p.flush()
	}
}

func (p *page) render(ctx context.Context, q url.Values, facts func() []Fact) {
	p.tabs = q["tab"]
	title, frames := "Dashboard", p.frames()
	if name := q.Get("panel"); name != "" {
		panel, err := p.board.Panel(name)
		if err != nil {
			p.problem = err.Error()
		} else {
			title, frames, p.single = panel.Title, []frame{{shown: panel}}, true
		}
	}
	p.write("head", map[string]any{"Title": title})
	defer func() {
		p.write("foot", map[string]any{
			"Facts": facts(),
			"Note": "A visitor is counted again on each day, so visitors of several days are the sum of the days. A session is the views of a visitor less than 30 minutes apart. " +
				"Days begin at midnight in " + zoneName(p.filter.Period.From) + ".",
		})
	}()
	var err error
	if p.filter, err = ParseFilter(q, p.board.stream, p.now, p.board.zone); err != nil {
		p.problem = err.Error()
		if errors.Is(err, errReversed) {
			p.first, p.last = q.Get("from"), q.Get("to")
			p.problem = fmt.Sprintf("The day in First, %s, is after the day in Last, %s: choose an earlier day in First.", p.first, cmp.Or(p.last, "today"))
		}
		p.filter = p.filterWithoutDays(q)
	}
	if p.problem != "" {
		var sites []string // without the list, the form has the site of the URL
		p.board.Ask(ctx, []Question{p.sitesQuestion()}, func(_ int, a *Answer, err error) { sites = p.sites(a) })
		p.write("filters", p.filters(title, sites))
		p.write("note", p.problem)
		return
	}
	p.answer(ctx, title, frames)
}

// filterWithoutDays returns what can be used of a URL that is wrong.
func (p *page) filterWithoutDays(q url.Values) Filter {
	for _, some := range []url.Values{{"site": q["site"], "filter": q["filter"], "bots": q["bots"]}, {"site": q["site"]}, {}} {
		if f, err := ParseFilter(some, p.board.stream, p.now, p.board.zone); err == nil {
			return f
		}
	}
	return Filter{}
}

// zoneName is what the time zone of t is called.
func zoneName(t time.Time) string {
	if name := t.Location().String(); name != "Local" {
		return name
	}
	return t.Format("MST")
}

// A result is the answer to a question of the page.
type result struct {
	answer *Answer
	err    error
}

// answer asks for everything at once, and writes it in the order of the page.
func (p *page) answer(ctx context.Context, title string, frames []frame) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.board.opened.add(p.filter.Site)
	var panels []Panel
	for _, f := range frames {
		panels = append(panels, f.shown)
	}
	earlier := compared(panels)
	if p.single && panels[0].Additive {
		earlier = panels
	}
	before := p.filter
	before.Period = before.Period.before(p.now)
	asked := append([]Question{p.sitesQuestion()}, questions(panels, p.filter)...)
	for _, q := range questions(earlier, before) {
		q.Later = true // so that no panel waits for it
		asked = append(asked, q)
	}
	results := make(chan result, len(asked)+1)
	go func() {
		defer close(results)
		if err := p.board.Ask(ctx, asked, func(_ int, a *Answer, err error) { results <- result{a, err} }); err != nil {
			results <- result{err: err}
		}
	}()
	first := <-results
	sites := p.sites(first.answer)
	p.write("filters", p.filters(title, sites))
	lacks := p.board.lacks()
	switch {
	case first.err != nil:
		p.write("note", first.err.Error())
		return
	case lacks == "" && len(sites) == 0 && p.empty(ctx):
		p.write("start", map[string]any{"Script": p.script})
		return
	case lacks != "":
		p.write("note", lacks)
	}
	if p.single {
		p.writeSingle(panels[0], results)
		return
	}
	shown, ok := p.writeFrames(frames, results)
	if !ok {
		return
	}
	for _, panel := range earlier { // dashboard.js puts it into the panels
		r, i := <-results, slices.IndexFunc(panels, func(x Panel) bool { return x.Name == panel.Name })
		if r.answer != nil && shown[i].err == nil {
			view := p.panel(panel, shown[i].answer, nil, r.answer)
			view.Tabs = p.tabsOf(frames[i])
			p.write("later", view)
		}
	}
}

// writeSingle writes the page of one panel.
func (p *page) writeSingle(panel Panel, results <-chan result) {
	r, earlier := <-results, <-results
	p.write("panel", p.panel(panel, r.answer, r.err, earlier.answer))
}

// writeFrames writes the panels, and returns their results. It returns false if there is nothing to show, or the browser
// has gone.
func (p *page) writeFrames(frames []frame, results <-chan result) (shown []result, ok bool) {
	var held []panelView // those before the first one that is not empty
	empty := true
	for _, f := range frames {
		r := <-results
		if r.answer == nil && r.err == nil {
			return shown, false
		}
		view := p.panel(f.shown, r.answer, r.err, nil)
		view.Tabs = p.tabsOf(f)
		shown, held = append(shown, r), append(held, view)
		if empty = empty && r.err == nil && isEmpty(r.answer); !empty {
			p.writePanels(held)
			held = nil
		}
	}
	if empty {
		p.write("nothing", p.nothing())
	}
	return shown, !empty
}

func (p *page) writePanels(views []panelView) {
	for _, v := range views {
		p.write("panel", v)
	}
}

// nothing is what the page says in place of panels that are all empty.
func (p *page) nothing() map[string]any {
	withBots := p.filter
	withBots.Bots = true
	when := "on " + p.days()
	if p.filter.Period.days() > 1 {
		when = "from " + p.days()
	}
	return map[string]any{"When": when, "Filter": p.filter, "Bots": p.url(withBots)}
}

// anyPanel has a row if there ever was an event of the script.
var anyPanel = Panel{narrow: true, SQL: "select 1 as n from beacons where view is not null limit 1"}

// empty reports whether there never was an event of the script.
func (p *page) empty(ctx context.Context) bool {
	rows := 1
	p.board.Ask(ctx, []Question{{Panel: anyPanel, Filter: Filter{Stream: p.board.stream, Period: p.filter.Period}}}, func(_ int, a *Answer, err error) {
		if err == nil {
			rows = len(a.Rows)
		}
	})
	return rows == 0
}

// sitesQuestion asks for the sites that had views in the page's days. Without a filter it is of the same series as the panels.
func (p *page) sitesQuestion() Question {
	return Question{Panel: sitesPanel, Filter: Filter{Stream: p.board.stream, Period: p.filter.Period}}
}

// sites returns the origins of the answer to sitesQuestion, those with the most views first, and that of the page.
func (p *page) sites(a *Answer) (sites []string) {
	if a != nil {
		rows := slices.SortedStableFunc(slices.Values(a.Rows), func(x, y []any) int { return cmp.Compare(y[1].(float64), x[1].(float64)) })
		for _, row := range rows[:min(len(rows), maxSites)] {
			sites = append(sites, row[0].(string))
		}
	}
	if p.filter.Site != "" && !slices.Contains(sites, p.filter.Site) {
		sites = append(sites, p.filter.Site)
	}
	return sites
}
