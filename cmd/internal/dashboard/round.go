package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"
)

// A question is a panel with the state of its answer. It has up to two halves: the past days, whose answer is kept, and
// the rest.
type question struct {
	panel  Panel
	halves []*half
	err    error
}

type half struct {
	scope  scope
	past   bool     // all of it is over and complete
	setup  []string // before the panel's query
	key    string   // of the answer
	answer *Answer
}

func newHalf(p Panel, s scope, past bool) *half {
	h := &half{scope: s, past: past, setup: s.setup(p)}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%t", strings.Join(h.setup, "\n"), p.SQL, past))
	h.key = hex.EncodeToString(sum[:16])
	return h
}

// A round is one call of Board.Ask.
type round struct {
	board *Board
	state State
	now   time.Time
	zone  *time.Location
	each  func(p Panel, a *Answer, err error)

	mu        sync.Mutex
	questions []*question
	next      int // the first question that each was not called for
}

// asked is a half of a question that no kept answer answers.
type asked struct {
	q *question
	h *half
}

// series returns what has to be queried. Halves with the same setup are one series.
func (r *round) series() map[string][]asked {
	series := map[string][]asked{}
	for _, q := range r.questions {
		for _, h := range q.halves {
			if h.answer = r.board.cache.get(h, r.now, r.state); h.answer == nil {
				setup := strings.Join(h.setup, "\n")
				series[setup] = append(series[setup], asked{q, h})
			}
		}
	}
	return series
}

// run queries a series.
func (r *round) run(ctx context.Context, series []asked) {
	var sql []string
	for _, x := range series {
		sql = append(sql, fmt.Sprintf("from (\n%s\n) limit %d", x.q.panel.SQL, MaxRows+1))
	}
	err := r.state.Ask(ctx, series[0].h.setup, sql, func(i int, a *Answer, err error) {
		if err == nil && len(a.Rows) > MaxRows {
			a.Rows, a.Cut = a.Rows[:MaxRows], true
		}
		r.answer(series[i], a, err)
	})
	if err != nil {
		for _, x := range series {
			r.answer(x, nil, err)
		}
	}
}

// answer takes the answer to a half, or the error in place of it. Later calls for the same half have no effect.
func (r *round) answer(x asked, a *Answer, err error) {
	r.mu.Lock()
	first := x.h.answer == nil && x.q.err == nil
	if first {
		x.h.answer, x.q.err = a, err
	}
	r.mu.Unlock()
	r.emit()
	if first && err == nil {
		r.board.cache.put(x.h, r.now, r.state, r.board.log)
	}
}

// emit calls each for the questions that are answered, up to the first that is not.
func (r *round) emit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ; r.next < len(r.questions); r.next++ {
		q := r.questions[r.next]
		if q.err != nil {
			r.each(q.panel, nil, q.err)
			continue
		}
		var sum *Answer
		for _, h := range q.halves {
			if h.answer == nil {
				return
			}
			sum = sum.add(h.answer)
		}
		r.each(q.panel, sum.finish(q.panel, r.zone), nil)
	}
}
