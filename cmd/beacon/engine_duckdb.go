//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/impatient"
	"github.com/seed-d051cf5a/beacon/internal/sink/duckdb"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// An engine is the table behind a collector and what fills it.
type engine struct {
	missing string // what this build can't do, or ""

	db    *duckdb.DB
	inbox *spool.Inbox
	log   *slog.Logger
	hurry context.CancelFunc // leaves what can wait for the next start
	stop  context.CancelFunc
	ended chan struct{}
}

func openEngine(ctx context.Context, data string, c *collect.Collector, o engineOptions, log *slog.Logger) (*engine, error) {
	columns, err := parseColumns(o.columns)
	if err != nil {
		return nil, usageError{err}
	}
	db, err := duckdb.Open(filepath.Join(data, "beacons.duckdb"), columns...)
	switch {
	case errors.Is(err, duckdb.ErrColumn):
		return nil, usageError{err}
	case err != nil:
		return nil, fmt.Errorf("%w\nIf the file is damaged, move it away: what is in the inbox goes into a new one", err)
	}
	db.Log, db.QueryTimeout = log, o.queryTimeout
	c.Inbox().KeepAtMost(int64(o.maxInbox))
	filling, hurry := context.WithCancel(ctx)
	// Not the server's context: what was collected until its end still goes in.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	e := &engine{db: db, inbox: c.Inbox(), log: log, hurry: hurry, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(e.ended)
		if err := db.FillColumns(filling); err != nil && filling.Err() == nil {
			log.Error("new columns are NULL in rows that were there; start the collector again to have them filled", "error", err)
		}
		kept := make(chan struct{})
		defer func() { <-kept }()
		go func() {
			defer close(kept)
			db.Retain(ctx, e.inbox, duckdb.Retention{MaxAge: time.Duration(o.maxAge), MaxBytes: int64(o.maxTable)})
		}()
		if err := db.Drain(ctx, e.inbox); err != nil && ctx.Err() == nil {
			log.Error("beacons are collected but don't reach the table any more; start the collector again", "error", err)
		}
	}()
	return e, nil
}

func parseColumns(texts []string) (columns []duckdb.Column, err error) {
	for _, text := range texts {
		c, err := duckdb.ParseColumn(text)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// Close waits, within reason, until all that was collected is in the table.
func (e *engine) Close() error {
	e.hurry()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.catchUp(ctx); err != nil {
		e.log.Warn("the table ends behind the inbox; the rest comes at the next start", "error", err)
	}
	e.stop()
	<-e.ended
	return e.db.Close()
}

func (e *engine) catchUp(ctx context.Context) error {
	end, err := e.inbox.End()
	if err != nil {
		return err
	}
	return e.db.CaughtUp(ctx, end)
}

// catchUpSoon waits, but not for long, until what asks sees all that was collected.
func (e *engine) catchUpSoon(ctx context.Context, what string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := e.catchUp(ctx); err != nil {
		e.log.Warn(what+" sees a table that lags behind", "error", err)
	}
}

// QueryHandler answers GET /-/query?sql=… with lines of JSON: the columns' names, then an
// array a row, then an object with the number of rows or with the error that ended it. A
// query sees every beacon that was acknowledged before it came, or after five seconds those that
// are in the table.
func (e *engine) QueryHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", "GET")
			http.Error(w, "Ask with GET /-/query?sql=…", http.StatusMethodNotAllowed)
			return
		}
		sql := strings.TrimSpace(r.URL.Query().Get("sql"))
		if sql == "" {
			http.Error(w, "There is no SQL in it: ask with /-/query?sql=select+count(*)+from+beacons", http.StatusBadRequest)
			return
		}
		ctx := r.Context()
		e.catchUpSoon(ctx, "a query")
		rows, err := e.db.Query(ctx, sql)
		if errors.Is(err, duckdb.ErrUnavailable) {
			w.Header().Set("Retry-After", "5")
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer rows.Close()
		w.Header().Set("Content-Type", "application/x-ndjson")
		to := impatient.NewWriter(w)
		if err := writeRows(json.NewEncoder(to), rows); err != nil {
			e.log.Warn("query ended early", "error", err)
		}
	})
}

func writeRows(out *json.Encoder, rows *duckdb.Rows) error {
	out.SetEscapeHTML(false)
	if err := out.Encode(rows.Columns()); err != nil {
		return err
	}
	n := 0
	for ; rows.Next(); n++ {
		row, err := rows.Scan()
		if err == nil {
			err = out.Encode(row)
		}
		if err != nil {
			return errors.Join(err, out.Encode(map[string]string{"error": fmt.Sprint(err)}))
		}
	}
	if err := rows.Err(); err != nil {
		return errors.Join(err, out.Encode(map[string]string{"error": fmt.Sprint(err)}))
	}
	return out.Encode(map[string]int{"rows": n})
}
