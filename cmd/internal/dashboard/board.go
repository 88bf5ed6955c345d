package dashboard

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A Table answers SQL over a table of beacons.
type Table interface {
	// Hold returns the table's state now. The caller releases it.
	Hold(ctx context.Context) (State, error)
}

// A State is a table's state at one time.
type State interface {
	// Ask answers the queries of steps one after another, and calls each for every one of them. No query needs beacons
	// that were received before from, or at or after to; a zero to is now.
	Ask(ctx context.Context, from, to time.Time, steps []Step, each func(i int, a *Answer, err error)) error
	// Complete reports whether all beacons that were stored before are in it.
	Complete() bool
	// Revision is a number for ChangedSince.
	Revision() int64
	// ChangedSince reports whether the events of some time can have changed since a revision.
	ChangedSince(revision int64, from, to time.Time) bool
	Release()
}

// A Step is a query, and the statements before it.
type Step struct {
	Setup []string
	SQL   string
}

// A Board answers panels. Its methods are safe for concurrent use.
type Board struct {
	panels []Panel
	table  Table
	zone   func(site string) *time.Location
	stream string
	now    func() time.Time
	lacks  func() string
	log    *slog.Logger
	cache  answerCache
	opened siteList // those that the page was opened for
}

// maxOpened is how many sites a siteList has.
const maxOpened = 20

// A siteList has the newest sites. All sites together, "", are always in it.
type siteList struct {
	mu    sync.Mutex
	sites []string
}

func (l *siteList) add(site string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if site == "" {
		return
	}
	l.sites = append(slices.DeleteFunc(l.sites, func(s string) bool { return s == site }), site)
	l.sites = l.sites[max(0, len(l.sites)-maxOpened):]
}

func (l *siteList) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{""}, l.sites...)
}

// Options are those of New.
type Options struct {
	Panels []Panel
	Table  Table
	Stream string // of the script's events
	// Zone returns the time zone of a site, or of all sites for "".
	Zone func(site string) *time.Location
	// Lacks returns what the table lacks, such as damaged files, or "".
	Lacks func() string
	// Dir is the folder for answers of past days. Board makes it.
	Dir string
	Log *slog.Logger
}

// New returns a Board.
func New(o Options) *Board {
	return &Board{panels: o.Panels, table: o.Table, zone: o.Zone, stream: o.Stream, now: time.Now, lacks: o.Lacks, log: o.Log, cache: answerCache{dir: o.Dir, entries: map[string]*cachedAnswer{}}}
}

// Forget deletes all kept answers, as after an erasure.
func (b *Board) Forget() { b.cache.clear() }

// Panel returns the panel of a name.
func (b *Board) Panel(name string) (Panel, error) {
	var names []string
	for _, p := range b.panels {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Panel{}, fmt.Errorf("there is no panel %q: ask for one of %s", name, strings.Join(names, ", "))
}

// keepAfter is how long after midnight the answers about the days before are kept: loss waits an hour for the end of a
// view, and the table lists what it adds later than that as a change of the past.
const keepAfter = reach + 10*time.Minute

// An answer about today is used answerUse times as long as its page waited for it, and answerAge at most.
const (
	answerAge = time.Minute
	answerUse = 50
)

// maxSeries is how many series one call of Ask has at a time: one less than the processes that there can be.
const maxSeries = 3

// A Question asks for the answer of a panel for a filter.
type Question struct {
	Panel  Panel
	Filter Filter
	Later  bool // it is queried when all that are not are answered
}

// questions returns a question for each panel.
func questions(panels []Panel, f Filter) (all []Question) {
	for _, p := range panels {
		all = append(all, Question{Panel: p, Filter: f})
	}
	return all
}

// Ask answers questions, and calls each for every one of them, in their order, as soon as it and those before it are
// answered.
func (b *Board) Ask(ctx context.Context, questions []Question, each func(i int, a *Answer, err error)) error {
	return b.ask(ctx, questions, false, each)
}

// ask is Ask. If past, it asks only for the past days, and each is not called.
func (b *Board) ask(ctx context.Context, questions []Question, past bool, each func(i int, a *Answer, err error)) error {
	state, err := b.table.Hold(ctx)
	if err != nil {
		return err
	}
	defer state.Release()
	r := &round{board: b, state: state, now: b.now(), each: each}
	for _, x := range questions {
		q := &question{panel: x.Panel, later: x.Later, zone: x.Filter.Period.From.Location(), halves: b.halves(x.Panel, x.Filter, r.now)}
		if past {
			q.halves = slices.DeleteFunc(q.halves, func(h *half) bool { return !h.past })
		}
		r.questions = append(r.questions, q)
	}
	if past {
		r.next = len(r.questions) // none is emitted
	}
	r.findKept()
	r.emit()
	for _, later := range []bool{false, true} {
		var running errgroup.Group
		running.SetLimit(maxSeries)
		for _, s := range r.series(later) {
			running.Go(func() error { r.run(ctx, s); return nil })
		}
		running.Wait()
	}
	return ctx.Err()
}

// halves divides the period of a filter for a panel.
func (b *Board) halves(p Panel, f Filter, now time.Time) []*half {
	end := f.Period.To
	if now.Before(end) {
		end = time.Time{}
	}
	whole := scope{Filter: f, from: f.Period.From, to: end}
	if !p.Additive || len(f.Equal) > 0 || f.Bots {
		return []*half{newHalf(p, whole, false)}
	}
	zone := f.Period.From.Location()
	keepUntil := dayStart(dayNumber(now.Add(-keepAfter).In(zone)), zone)
	switch {
	case !keepUntil.After(f.Period.From):
		return []*half{newHalf(p, whole, false)}
	case !end.IsZero() && isMidnight(end) && !keepUntil.Before(end):
		return months(p, whole, end)
	case !end.IsZero() && keepUntil.After(end): // the period before, which ends in the course of a day
		keepUntil = dayStart(dayNumber(end), zone)
		if !keepUntil.After(f.Period.From) {
			return []*half{newHalf(p, whole, false)}
		}
	}
	rest := whole
	rest.from = keepUntil
	return append(months(p, whole, keepUntil), newHalf(p, rest, false))
}

// months divides the time of s up to end, which is past, at the beginnings of months: the engine's memory has room for one
// rather than a year, and the answer about a whole month is kept for any period that has it.
func months(p Panel, s scope, end time.Time) (halves []*half) {
	for s.from.Before(end) {
		y, m, _ := s.from.Date()
		next := dayStart(dayNumber(time.Date(y, m+1, 1, 12, 0, 0, 0, s.from.Location())), s.from.Location())
		if next.After(end) {
			next = end
		}
		s.to = next
		halves = append(halves, newHalf(p, s, true))
		s.from = next
	}
	return halves
}
