//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A bench is a collector's data directory with what works on it.
type bench struct {
	testing.TB
	dir string
	in  *spool.Inbox
	db  *DB
}

func newBench(t testing.TB) *bench {
	b := &bench{TB: t, dir: t.TempDir()}
	b.openInbox()
	b.openDB()
	t.Cleanup(func() {
		b.closeInbox()
		b.db.Close()
	})
	return b
}

func (b *bench) openInbox() {
	b.Helper()
	in, err := spool.OpenInbox(filepath.Join(b.dir, "inbox"))
	if err != nil {
		b.Fatal(err)
	}
	b.in = in
}

func (b *bench) closeInbox() {
	if b.in != nil {
		b.in.Close()
		b.in = nil
	}
}

func (b *bench) openDB(columns ...string) { b.openWith(nil, columns...) }

// openWith opens the table with these settings of the engine's.
func (b *bench) openWith(settings map[string]string, columns ...string) {
	b.Helper()
	db, err := open(filepath.Join(b.dir, "db", "beacons.duckdb"), settings, b.columns(columns...)...)
	if err != nil {
		b.Fatal(err)
	}
	db.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	b.db = db
}

func (b *bench) closeDB() {
	b.Helper()
	if err := b.db.Close(); err != nil {
		b.Fatal(err)
	}
}

func id(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("0190a0b0-0000-7000-8000-%012d", n))
}

func record(n int, contentType, body string) warc.Record {
	r := warc.Record{
		ID: id(n), Date: time.Date(2026, 11, 22, 6, 20, 11, 123456000, time.UTC), Target: "http://127.0.0.1:8080/x?q=1",
		Request: warc.Request{Method: "POST", Target: "/x?q=1", Proto: "HTTP/1.1", Body: []byte(body)},
	}
	if contentType != "" {
		r.Request.Header = warc.Fields{{Name: "Content-Type", Value: contentType}}
	}
	return r
}

func encode(t testing.TB, records ...warc.Record) (b []byte) {
	t.Helper()
	for _, r := range records {
		var err error
		if b, err = r.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bench) put(records ...warc.Record) {
	b.Helper()
	if err := b.in.Append(encode(b, records...)); err != nil {
		b.Fatal(err)
	}
}

// drain drains in the background until the test or the returned function ends it.
func (b *bench) drain() (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- b.db.Drain(ctx, b.in) }()
	stopped := false
	stop = func() {
		b.Helper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
	b.Cleanup(stop)
	return stop
}

func (b *bench) caughtUp() {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	end, err := b.in.End()
	if err == nil {
		err = b.db.CaughtUp(ctx, end)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// result is a query's whole answer.
func (b *bench) result(query string) (columns []string, rows [][]any) {
	b.Helper()
	answer, err := b.db.Query(b.Context(), query)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Close()
	for answer.Next() {
		values, err := answer.Scan()
		if err != nil {
			b.Fatal(err)
		}
		rows = append(rows, values)
	}
	if err := answer.Err(); err != nil {
		b.Fatal(err)
	}
	return answer.Columns(), rows
}

// ask returns the result as lines of values.
func (b *bench) ask(query string) string {
	b.Helper()
	_, rows := b.result(query)
	var lines []string
	for _, values := range rows {
		line := make([]string, len(values))
		for i, v := range values {
			line[i] = fmt.Sprintf("%s", v)
			if v == nil {
				line[i] = "NULL"
			} else if _, ok := v.(int64); ok {
				line[i] = fmt.Sprint(v)
			}
		}
		lines = append(lines, strings.Join(line, " | "))
	}
	return strings.Join(lines, "\n")
}

func (b *bench) want(query, want string) {
	b.Helper()
	if got := b.ask(query); got != want {
		b.Errorf("%s\ngot  %s\nwant %s", query, got, want)
	}
}
