package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// A SeriesRequest is a list of queries that one process answers in turn.
type SeriesRequest struct {
	Steps []Step
	// View is as in Request. Times are in UTC.
	View string
}

// A Step is a query of a series.
type Step struct {
	// Setup are statements that run before the query, such as CREATE TEMP TABLE. Later steps see what they made. They are
	// trusted. If one fails, so do this query and all later ones.
	Setup []string
	// SQL is as in Request.
	SQL string
}

// setup returns the statements of the steps from one to another.
func (s *SeriesRequest) setup(from, to int) (statements []string) {
	for _, step := range s.Steps[from:to] {
		statements = slices.Concat(statements, step.Setup)
	}
	return statements
}

// seriesTime is how many times Options.Timeout a series of as many queries may take.
const seriesTime = 4

// Series answers queries one after another, and calls each for every one of them: with rows, which each reads and does not
// close, or with an error of the kinds from ErrSQL on. If one of them ends the process, another process answers those that
// follow. It is not refused when it comes again, because it is not from just anyone. An error of each ends the series, and
// Series returns it.
func (p *Pool) Series(ctx context.Context, s SeriesRequest, each func(i int, rows *Rows, err error) error) error {
	left := make([]int, len(s.Steps))
	for i := range left {
		left[i] = i
	}
	for len(left) > 0 {
		n, err := p.series(ctx, s, left, each)
		if err != nil {
			return fmt.Errorf("query: %w", err)
		}
		left = left[n:]
	}
	return nil
}

// series asks the queries that are left, in one process, and returns how many of them were answered.
func (p *Pool) series(ctx context.Context, s SeriesRequest, left []int, each func(i int, rows *Rows, err error) error) (n int, err error) {
	if !Available {
		return 0, errNoEngine
	}
	release, err := p.slot(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	proc, err := p.take(ctx, false)
	if err != nil {
		return 0, err
	}
	limit := p.o.Timeout * time.Duration(min(len(left), seriesTime))
	r := &Rows{pool: p, proc: proc, limit: limit, series: true}
	r.stopContext = context.AfterFunc(ctx, func() { r.kill(context.Cause(ctx)) })
	defer r.Close()
	defer r.watch(maxSpill)()
	defer time.AfterFunc(limit+grace, func() { r.kill(tooLong(limit)) }).Stop()
	q, done := question{View: s.View, Millis: limit.Milliseconds()}, 0
	for _, i := range left {
		q.Series = append(q.Series, Step{s.setup(done, i+1), s.Steps[i].SQL})
		done = i + 1
	}
	yieldAlways(proc.cmd.Process.Pid) // a series takes long
	if err := writeJSON(proc.in, frameQuestion, q); err != nil {
		return 0, r.ended()
	}
	for n < len(left) {
		failed, ended := r.next(s.Steps[left[n]].SQL)
		switch {
		case ended != nil && (!r.started || ctx.Err() != nil):
			return n, ended
		case ended != nil:
			return n + 1, each(left[n], nil, ended)
		case failed != nil:
			err = each(left[n], nil, failed)
		default:
			err = each(left[n], r, nil)
			for r.Next() { // what each has not read
			}
		}
		if n++; err != nil || r.dead {
			return n, err
		}
	}
	return n, nil
}

// next reads up to the columns of the next answer. It returns the query's failure, or why the process ended.
func (r *Rows) next(sql string) (failed, ended error) {
	r.sql, r.over, r.batch, r.err = sql, false, nil, nil
	for {
		kind, payload, err := readFrame(r.proc.out)
		switch {
		case err != nil:
			return nil, r.ended()
		case kind == frameStarted:
			r.started = true
		case kind == frameColumns:
			return nil, json.Unmarshal(payload, &r.columns)
		case kind == frameFailure:
			return r.failure(payload), nil
		default:
			return nil, fmt.Errorf("read answer: unexpected frame %q", kind)
		}
	}
}
