package table

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A harness is an inbox and a table in a folder of their own.
type harness struct {
	testing.TB
	dir     string
	options Options
	in      *spool.Inbox
	table   *Table
	stop    func() error // ends Run, once it runs
	logged  *logged
}

// logged keeps the lines of a log.
type logged struct{ strings.Builder }

func newHarness(t testing.TB, options Options) *harness {
	h := &harness{TB: t, dir: t.TempDir(), options: options, logged: &logged{}}
	if options.Log == nil {
		h.options.Log = slog.New(slog.NewTextHandler(h.logged, nil))
	}
	h.openInbox()
	h.openTable()
	t.Cleanup(func() {
		h.halt()
		h.table.Close()
		h.in.Close()
	})
	return h
}

func (h *harness) tableDir() string { return filepath.Join(h.dir, "table") }

func (h *harness) openInbox() {
	h.Helper()
	var err error
	if h.in, err = spool.OpenInbox(filepath.Join(h.dir, "inbox")); err != nil {
		h.Fatal(err)
	}
}

func (h *harness) openTable() {
	h.Helper()
	var err error
	if h.table, err = Open(h.tableDir(), h.options); err != nil {
		h.Fatal(err)
	}
}

// run starts the writer.
func (h *harness) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	table, in := h.table, h.in
	go func() { ended <- table.Run(ctx, in) }()
	h.stop = func() error {
		cancel()
		return <-ended
	}
}

// halt ends the writer, which flushes.
func (h *harness) halt() {
	h.Helper()
	if h.stop == nil {
		return
	}
	if err := h.stop(); err != nil {
		h.Errorf("Run: got %v, want nil", err)
	}
	h.stop = nil
}

// reopen closes the table and opens it with other options.
func (h *harness) reopen(options Options) {
	h.Helper()
	h.halt()
	if err := h.table.Close(); err != nil {
		h.Fatal(err)
	}
	options.Log = h.options.Log
	h.options = options
	h.openTable()
}

// crash abandons the table and opens it again.
func (h *harness) crash() {
	h.Helper()
	h.table.keys.Close() // its merge would go on
	h.openTable()
}

func (h *harness) put(records ...warc.Record) {
	h.Helper()
	var all []byte
	for _, r := range records {
		var err error
		if all, err = r.Append(all); err != nil {
			h.Fatal(err)
		}
	}
	if err := h.in.Append(all); err != nil {
		h.Fatal(err)
	}
}

const timeout = 20 * time.Second

func (h *harness) flush() {
	h.Helper()
	s, err := h.table.Flush(context.Background(), h.in, timeout)
	if err != nil {
		h.Fatal(err)
	}
	defer s.Release()
	if s.Behind != 0 || s.Tails != 0 {
		h.Fatalf("after Flush: got %d bytes behind and %d tails, want none", s.Behind, s.Tails)
	}
}

// putAndFlush stores records with a writer that ends.
func (h *harness) putAndFlush(records ...warc.Record) {
	h.Helper()
	h.put(records...)
	if h.stop != nil {
		h.flush()
		return
	}
	h.drain()
}

// drain stores what is in the inbox with one call of flush for each full memory.
func (h *harness) drain() {
	h.Helper()
	w := h.writer()
	defer w.reader.Close()
	for {
		atEnd, err := w.read(context.Background())
		if err != nil {
			h.Fatal(err)
		}
		if atEnd || w.full() {
			if err := w.flush(); err != nil {
				h.Fatal(err)
			}
		}
		if atEnd {
			return
		}
	}
}

// writer returns a writer without a goroutine.
func (h *harness) writer() *writer {
	h.Helper()
	w := &writer{t: h.table, in: h.in, pending: pendingRows{layout: h.table.layout}, row: h.table.layout.rows(1)[0]}
	if err := w.begin(); err != nil {
		h.Fatal(err)
	}
	return w
}

// base is when the first record is received. It is within the last 48 h, as the keys want it.
var base = time.Now().UTC().Truncate(24 * time.Hour).Add(-12*time.Hour + 123456*time.Microsecond)

func idOf(n int) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	id[0], id[6], id[8] = 0x01, 0x70, 0x80
	return id
}

// record is one of a JSON beacon with its number in it.
func record(n int) warc.Record {
	return textRecord(n, "application/json", fmt.Sprintf(`{"n": %d, "name": "LCP", "value": %d.5}`, n, n%5000))
}

func textRecord(n int, contentType, body string) warc.Record {
	r := warc.Record{ID: idOf(n), Date: base.Add(time.Duration(n) * time.Millisecond), Target: "http://localhost/x?q=1", Request: warc.Request{Method: "POST", Target: "/x?q=1", Proto: "HTTP/1.1", Body: []byte(body)}}
	if contentType != "" {
		r.Request.Header = warc.Fields{{Name: "Content-Type", Value: contentType}}
	}
	return r
}

func at(r warc.Record, date time.Time) warc.Record {
	r.Date = date.UTC().Truncate(time.Microsecond)
	return r
}

func keyed(r warc.Record) warc.Record {
	r.Request.Header = append(r.Request.Header, warc.Field{Name: "Idempotency-Key", Value: r.ID.String()})
	return r
}

func imported(r warc.Record) warc.Record {
	r.Extra = append(r.Extra, warc.Field{Name: row.ImportedField, Value: "2026-01-01T00:00:00Z"})
	return r
}

func batch(r warc.Record) warc.Record {
	r.Extra = append(r.Extra, warc.Field{Name: row.BatchField, Value: "yes"})
	return r
}

// span is the numbers from to to-1.
func span(from, to int) (all []int) {
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

// files are the names of the Parquet files in the table's folder.
func (h *harness) files() (names []string) {
	h.Helper()
	entries, err := os.ReadDir(h.tableDir())
	if err != nil {
		h.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), fileExt) {
			names = append(names, e.Name())
		}
	}
	return names
}
