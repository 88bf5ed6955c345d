package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/internal/impatient"
)

// The answers of the handlers below are lines of JSON, each a tableLine. The last one has the
// result or the error.
type tableLine struct {
	Done  int64           `json:"done,omitempty"` // progress, in files
	Of    int64           `json:"of,omitempty"`
	Files []listedFile    `json:"files,omitempty"`
	Lost  []table.Damaged `json:"damaged,omitempty"`
	Check *table.Report   `json:"check,omitempty"`
	Rows  *int64          `json:"rows,omitempty"` // merged, matched or erased
	Error string          `json:"error,omitempty"`
}

// A listedFile is a file of the table for programs that read it.
type listedFile struct {
	Path string `json:"path"`
	table.File
}

// TableHandler answers what `beacon table` and `beacon erase` ask.
func (s *tableService) TableHandler() http.Handler {
	actions := map[string]func(*http.Request, func(tableLine)) (tableLine, error){
		"GET files":    s.listFiles,
		"GET status":   s.tableStatus,
		"POST check":   s.checkTable,
		"POST compact": s.compactTable,
		"GET erase":    s.countErase,
		"POST erase":   s.erase,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		action := actions[r.Method+" "+strings.TrimPrefix(r.URL.Path, "/-/table/")]
		if action == nil {
			http.Error(w, "Ask with GET /-/table/files, /-/table/status or /-/table/erase?condition=…, or with POST /-/table/check, /-/table/compact or /-/table/erase?condition=…", http.StatusNotFound)
			return
		}
		if why := s.closed.Load(); why != nil {
			answerError(w, fmt.Errorf("%w: %s", query.ErrUnavailable, *why))
			return
		}
		out := impatient.NewWriter(w)
		begun := false
		say := func(line tableLine) {
			if !begun {
				begun = true
				w.Header().Set("Content-Type", "application/x-ndjson")
			}
			if json.NewEncoder(out).Encode(line) == nil {
				out.Flush()
			}
		}
		last, err := action(r, say)
		switch {
		case err != nil && !begun:
			answerError(w, err)
		case err != nil:
			say(tableLine{Error: err.Error()})
		default:
			say(last)
		}
	})
}

// listFiles flushes, so that the files have all that was acknowledged.
func (s *tableService) listFiles(r *http.Request, _ func(tableLine)) (line tableLine, err error) {
	snapshot, err := s.table.Flush(r.Context(), s.inbox, snapshotPatience)
	if err != nil {
		return line, err
	}
	defer snapshot.Release()
	if snapshot.Behind > 0 {
		return line, fmt.Errorf("%w: %d bytes of the inbox are not in the files yet: try again later", query.ErrUnavailable, snapshot.Behind)
	}
	line.Files = []listedFile{}
	for _, f := range snapshot.Files {
		line.Files = append(line.Files, listedFile{filepath.Join(s.table.Dir(), f.Name), f})
	}
	line.Lost = snapshot.Damaged
	return line, nil
}

func (s *tableService) tableStatus(*http.Request, func(tableLine)) (line tableLine, err error) {
	status := s.table.Status()
	rows := status.Rows + int64(status.Pending)
	return tableLine{Rows: &rows, Lost: status.Damaged}, nil
}

func (s *tableService) checkTable(r *http.Request, say func(tableLine)) (line tableLine, err error) {
	report, err := s.table.Check(r.Context(), s.inbox, func(done, of int) { say(tableLine{Done: int64(done), Of: int64(of)}) })
	return tableLine{Check: &report}, err
}

func (s *tableService) compactTable(r *http.Request, say func(tableLine)) (line tableLine, err error) {
	files, rows := int64(0), int64(0)
	err = s.table.Compact(r.Context(), func(f, n int64) {
		files, rows = files+f, rows+n
		say(tableLine{Done: files})
	})
	return tableLine{Done: files, Rows: &rows}, err
}

// matching is the SELECT of something of the rows that a condition chooses. The condition has
// lines of its own, so that a comment at its end does no harm.
func matching(what, condition string) string {
	return "select " + what + " from beacons where (\n" + condition + "\n)"
}

func conditionOf(r *http.Request) (string, error) {
	condition := strings.TrimSpace(r.URL.Query().Get("condition"))
	if condition == "" {
		return "", &query.Error{Kind: query.ErrSQL, Text: "the condition is empty: write it as after WHERE, such as ip = '203.0.113.0'"}
	}
	return condition, nil
}

// countErase says how many rows an erasure would take.
func (s *tableService) countErase(r *http.Request, _ func(tableLine)) (line tableLine, err error) {
	condition, err := conditionOf(r)
	if err != nil {
		return line, err
	}
	a, err := s.ask(r.Context(), matching("count(*)", condition), "")
	if err != nil {
		return line, err
	}
	defer a.close()
	var row [1]int64
	if a.rows.Next() {
		err = json.Unmarshal(a.rows.Row(), &row)
	}
	return tableLine{Rows: &row[0], Lost: a.snapshot.Damaged}, errors.Join(err, a.rows.Err())
}

// maxErased is how many rows are erased at a time. Their ids are in memory.
const maxErased = 5_000_000

// erase deletes the rows that the condition chooses, wherever they are.
func (s *tableService) erase(r *http.Request, say func(tableLine)) (line tableLine, err error) {
	condition, err := conditionOf(r)
	if err != nil {
		return line, err
	}
	// Half an erasure is worse than none: it goes on when the client is gone.
	ctx := context.WithoutCancel(r.Context())
	snapshot, err := s.table.Flush(ctx, s.inbox, closeTimeout)
	if err != nil {
		return line, err
	}
	behind := snapshot.Behind
	snapshot.Release()
	if behind > 0 {
		return line, fmt.Errorf("%w: %d bytes of the inbox are not in the table yet: try again later", query.ErrUnavailable, behind)
	}
	ids, err := s.matchingIDs(ctx, condition)
	if err != nil || len(ids) == 0 {
		zero := int64(0)
		return tableLine{Rows: &zero, Lost: s.table.Status().Damaged}, err
	}
	if s.announce != nil {
		if err := s.announce(ctx, ids); err != nil {
			return line, fmt.Errorf("nothing is erased, since the log does not take the erasure: %w", err)
		}
	}
	rows, err := s.table.Erase(ctx, s.inbox, ids)
	s.forgetAnswers()
	s.collector.ForgetRecent()
	return tableLine{Rows: &rows, Lost: s.table.Status().Damaged}, err
}

// eraseIDs erases what a record of the log says. All beacons before it are in the inbox.
func (s *tableService) eraseIDs(ctx context.Context, ids []uuid.UUID) error {
	snapshot, err := s.table.Flush(ctx, s.inbox, closeTimeout)
	if err != nil {
		return err
	}
	behind := snapshot.Behind
	snapshot.Release()
	if behind > 0 {
		return fmt.Errorf("%d bytes of the inbox are not in the table yet", behind)
	}
	_, err = s.table.Erase(ctx, s.inbox, ids)
	s.forgetAnswers()
	s.collector.ForgetRecent()
	return err
}

func (s *tableService) matchingIDs(ctx context.Context, condition string) (ids []uuid.UUID, err error) {
	a, err := s.ask(ctx, matching("id", condition), "")
	if err != nil {
		return nil, err
	}
	defer a.close()
	for a.rows.Next() {
		var row [1]uuid.UUID
		if err := json.Unmarshal(a.rows.Row(), &row); err != nil {
			return nil, err
		}
		if ids = append(ids, row[0]); len(ids) > maxErased {
			return nil, &query.Error{Kind: query.ErrSQL, Text: fmt.Sprintf("the condition chooses more than %d rows: erase them in parts, such as a day at a time", maxErased)}
		}
	}
	return ids, a.rows.Err()
}
