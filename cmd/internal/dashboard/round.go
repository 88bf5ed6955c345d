package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A question is a panel with the state of its answer. It has up to two halves: the past days, whose answer is kept, and
// the rest.
type question struct {
	panel  Panel
	zone   *time.Location
	later  bool
	halves []*half
	err    error
}

type half struct {
	scope  scope
	past   bool // all of it is over and complete
	parts  []part
	macros []string // before the panel's query
	series string   // one process answers halves with the same
	key    string   // of the answer
	answer *Answer
}

func newHalf(p Panel, s scope, past bool) *half {
	s.whole = !p.narrow
	h := &half{scope: s, past: past, parts: s.parts()}
	if p.Additive {
		h.macros = additive
	}
	h.series = fmt.Sprint(h.parts, h.macros)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%t", h.series, p.SQL, past))
	h.key = hex.EncodeToString(sum[:16])
	return h
}

// A round is one call of Board.Ask.
type round struct {
	board *Board
	state State
	now   time.Time
	each  func(i int, a *Answer, err error)

	mu        sync.Mutex
	questions []*question
	next      int // the first question that each was not called for
}

// asked is a half of a question that no kept answer answers.
type asked struct {
	q *question
	h *half
}

// series returns what has to be queried, in the order of the questions: those for later, or the others.
func (r *round) series(later bool) (all [][]asked) {
	at := map[string]int{}
	for _, q := range r.questions {
		for _, h := range q.halves {
			if h.answer != nil || q.later != later {
				continue
			}
			i, ok := at[h.series]
			if !ok {
				i = len(all)
				at[h.series] = i
				all = append(all, nil)
			}
			all[i] = append(all[i], asked{q, h})
		}
	}
	return all
}

// findKept sets the answers that are kept. Of those that are used for a minute it takes all of a series or none, so that
// the panels of a page have the same beacons.
func (r *round) findKept() {
	lacking := map[string]bool{}
	for _, q := range r.questions {
		for _, h := range q.halves {
			if h.answer = r.board.cache.get(h, r.now, r.state); h.answer == nil {
				lacking[h.series] = true
			}
		}
	}
	for _, q := range r.questions {
		for _, h := range q.halves {
			if !h.past && lacking[h.series] {
				h.answer = nil
			}
		}
	}
}

// run queries a series. Each part is made before the first query that uses it.
func (r *round) run(ctx context.Context, series []asked) {
	steps := make([]Step, len(series))
	steps[0].Setup = slices.Clone(series[0].h.macros)
	made, named := map[string]bool{}, map[string]bool{}
	for i, x := range series {
		uses(named, x.q.panel.SQL, afterFrom, afterComma)
		for _, p := range needed(x.h.parts, x.q.panel.SQL) {
			if !made[p.name] {
				made[p.name] = true
				steps[i].Setup = append(steps[i].Setup, p.create()...)
			}
		}
		steps[i].SQL = fmt.Sprintf("from (\n%s\n) limit %d", x.q.panel.SQL, MaxRows+1)
	}
	from, to := series[0].h.scope.reads()
	if named["beacons"] {
		from, to = time.Time{}, time.Time{}
	}
	err := r.state.Ask(ctx, from, to, steps, func(i int, a *Answer, err error) {
		if err == nil && len(a.Rows) > MaxRows {
			a.Rows, a.Cut = a.Rows[:MaxRows], true
		}
		r.answer(series[i], a, err)
	})
	now := r.board.now()
	for _, x := range series {
		if err != nil {
			r.answer(x, nil, err)
		}
		if x.h.answer != nil {
			r.board.cache.put(x.h, now, now.Sub(r.now), r.state, r.board.log)
		}
	}
}

// answer takes the answer to a half, or the error in place of it. Later calls for the same half have no effect.
func (r *round) answer(x asked, a *Answer, err error) {
	r.mu.Lock()
	if x.h.answer == nil && x.q.err == nil {
		x.h.answer, x.q.err = a, err
	}
	r.mu.Unlock()
	r.emit()
}

// emit calls each for the questions that are answered, up to the first that is not.
func (r *round) emit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ; r.next < len(r.questions); r.next++ {
		q := r.questions[r.next]
		if q.err != nil {
			r.each(r.next, nil, q.err)
			continue
		}
		var sum *Answer
		for _, h := range q.halves {
			if h.answer == nil {
				return
			}
			sum = sum.add(h.answer)
		}
		r.each(r.next, sum.finish(q.panel, q.zone), nil)
	}
}
