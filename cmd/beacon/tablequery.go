package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/internal/impatient"
)

// maxSQL is the length of a query in bytes.
const maxSQL = 1 << 20

// QueryHandler answers GET /-/query?sql=…&zone=…, or POST with the SQL as the body, with lines of JSON: the columns' names, then an
// array a row, then an object with the number of rows or with the error that ended it. The last
// object also says what the answer lacks: see [ending].
func (s *tableService) QueryHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sql := r.URL.Query().Get("sql")
		switch r.Method {
		case http.MethodGet:
		case http.MethodPost:
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSQL))
			if err != nil {
				http.Error(w, fmt.Sprintf("The query can't be read, or is longer than %d bytes: %v", maxSQL, err), http.StatusBadRequest)
				return
			}
			sql = string(body)
		default:
			w.Header().Set("Allow", "GET, POST")
			http.Error(w, "Ask with GET /-/query?sql=…, or POST the SQL", http.StatusMethodNotAllowed)
			return
		}
		sql = strings.TrimSpace(sql)
		if sql == "" {
			http.Error(w, "The query is empty: ask with /-/query?sql=select+count(*)+from+beacons", http.StatusBadRequest)
			return
		}
		a, err := s.ask(r.Context(), sql, r.URL.Query().Get("zone"))
		if err != nil {
			answerError(w, err)
			return
		}
		defer a.close()
		w.Header().Set("Content-Type", "application/x-ndjson")
		if err := a.write(impatient.NewWriter(w)); err != nil {
			s.log.Warn("query ended early", "error", err)
		}
	})
}

// An answer is the result of a query, with the files that it comes from.
type answer struct {
	snapshot *table.Snapshot
	rows     *query.Rows // nil where count is the answer
	count    int64
}

func (a *answer) close() {
	if a.rows != nil {
		a.rows.Close()
	}
	a.snapshot.Release()
}

// countAll is the one question that the manifest answers.
var countAll = regexp.MustCompile(`(?is)^select\s+count\s*\(\s*\*\s*\)\s+from\s+beacons\s*;?$`)

// ask runs a query. Where a damaged file is in its way, the file is taken out of the table and the
// query runs again.
func (s *tableService) ask(ctx context.Context, sql, zone string) (*answer, error) {
	for again := true; ; again = false {
		snapshot, err := s.snapshot(ctx)
		if err != nil {
			return nil, err
		}
		a := &answer{snapshot: snapshot}
		if query.Available && countAll.MatchString(sql) {
			a.count = snapshot.Rows()
			return a, nil
		}
		if a.rows, err = s.pool.Query(ctx, query.Request{SQL: sql, View: snapshot.View(), Zone: zone}); err == nil {
			return a, nil
		}
		snapshot.Release()
		if !again || !s.findDamage(snapshot.Files, err) {
			return nil, err
		}
	}
}

// findDamage checks the file that the engine's error names, and reports whether it is damaged.
func (s *tableService) findDamage(files []table.File, failure error) bool {
	for i := range files {
		if strings.Contains(failure.Error(), files[i].Name) {
			whole, err := s.table.CheckFile(&files[i])
			return err == nil && !whole
		}
	}
	return false
}

// An ending is the last line of an answer.
type ending struct {
	Rows    *int64 `json:"rows,omitempty"`
	Error   string `json:"error,omitempty"`
	Behind  int64  `json:"behind_bytes,omitempty"` // of the inbox, acknowledged before the query and not in the answer
	Missing []gap  `json:"missing,omitempty"`      // damaged files, whose rows are not in the answer
}

// A gap is a damaged file of the table.
type gap struct {
	File string `json:"file"`
	Rows int64  `json:"rows"`
	From string `json:"from"`
	To   string `json:"to"`
}

func (a *answer) write(w *impatient.Writer) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	end := ending{Behind: a.snapshot.Behind, Missing: gapsOf(a.snapshot.Damaged)}
	if a.rows == nil {
		rows := int64(1)
		end.Rows = &rows
		_, err := fmt.Fprintf(w, "[\"count_star()\"]\n[%d]\n", a.count)
		return errors.Join(err, out.Encode(end))
	}
	if err := out.Encode(a.rows.Columns()); err != nil {
		return err
	}
	n := int64(0)
	for ; a.rows.Next(); n++ {
		if _, err := w.Write(append(a.rows.Row(), '\n')); err != nil {
			return err
		}
	}
	err := a.rows.Err()
	if err != nil {
		end.Error = err.Error()
	} else {
		end.Rows = &n
	}
	return errors.Join(err, out.Encode(end))
}

// gapsOf are the damaged files as an answer names them.
func gapsOf(damaged []table.Damaged) (all []gap) {
	for _, d := range damaged {
		all = append(all, gap{d.Name, d.Rows, d.First.Format(timeFormat), d.Last.Format(timeFormat)})
	}
	return all
}

const timeFormat = "2006-01-02T15:04:05Z07:00"

// answerError answers a query or an export that failed before its first byte.
func answerError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, query.ErrNoEngine):
		status = http.StatusNotImplemented
	case errors.Is(err, query.ErrUnavailable), errors.Is(err, query.ErrBusy):
		w.Header().Set("Retry-After", "5")
		status = http.StatusServiceUnavailable
	case errors.Is(err, query.ErrEnded), errors.Is(err, query.ErrRefused):
		status = http.StatusBadGateway
	case errors.Is(err, query.ErrSQL), errors.Is(err, query.ErrMemory), errors.Is(err, query.ErrTime), errors.Is(err, query.ErrFormat):
		status = http.StatusBadRequest
	case errors.Is(err, query.ErrDisk):
		status = http.StatusInsufficientStorage
	}
	http.Error(w, err.Error(), status)
}
