package query

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A SeriesRequest is a list of queries that one process answers in turn.
type SeriesRequest struct {
	// Setup are statements that run before the queries, such as CREATE TEMP TABLE. They are trusted.
	Setup []string
	// SQL are the queries, each as in Request.
	SQL []string
	// View is as in Request. Times are in UTC.
	View string
}

// whole returns the text by which a query is refused that ended its process.
func (s *SeriesRequest) whole(sql string) string { return strings.Join(s.Setup, "\n") + "\n" + sql }

// seriesTime is how many times Options.Timeout a series may take.
const seriesTime = 4

// Series answers queries one after another, and calls each for every one of them: with rows, which each reads and does not
// close, or with an error of the kinds from ErrSQL on. If one of them ends the process, another process answers those that
// follow. An error of each ends the series, and Series returns it.
func (p *Pool) Series(ctx context.Context, s SeriesRequest, each func(i int, rows *Rows, err error) error) error {
	var left []int
	for i, sql := range s.SQL {
		if err := p.refused.check(s.whole(sql)); err == nil {
			left = append(left, i)
		} else if err := each(i, nil, err); err != nil {
			return err
		}
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
	limit := seriesTime * p.o.Timeout
	r := &Rows{pool: p, proc: proc, limit: limit}
	r.stopContext = context.AfterFunc(ctx, func() { r.kill(context.Cause(ctx)) })
	defer r.Close()
	defer r.watch(maxSpill)()
	defer time.AfterFunc(limit+grace, func() { r.kill(tooLong(limit)) }).Stop()
	q := question{Setup: s.Setup, View: s.View, Millis: limit.Milliseconds()}
	for _, i := range left {
		q.Series = append(q.Series, s.SQL[i])
	}
	if err := writeJSON(proc.in, frameQuestion, q); err != nil {
		return 0, r.ended()
	}
	for n < len(left) {
		failed, ended := r.next(s.whole(s.SQL[left[n]]))
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
