//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/row"
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

func (b *bench) openDB() {
	b.Helper()
	db, err := Open(filepath.Join(b.dir, "db", "beacons.duckdb"))
	if err != nil {
		b.Fatal(err)
	}
	db.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	b.db = db
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

// ask returns the result as lines of values.
func (b *bench) ask(query string) string {
	b.Helper()
	rows, err := b.db.Query(b.Context(), query)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		values, err := rows.Scan()
		if err != nil {
			b.Fatal(err)
		}
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
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func (b *bench) want(query, want string) {
	b.Helper()
	if got := b.ask(query); got != want {
		b.Errorf("%s\ngot  %s\nwant %s", query, got, want)
	}
}

func TestABeaconIsARow(t *testing.T) {
	b := newBench(t)
	b.drain()
	r := record(1, "application/json", `{"version": "1.2.3", "n": 1.00000000000000000001}`)
	r.IP = "203.0.113.0"
	r.Request.Header = append(r.Request.Header,
		warc.Field{Name: "Origin", Value: "https://example.com"}, warc.Field{Name: "Referer", Value: "https://example.com/page"},
		warc.Field{Name: "User-Agent", Value: "test"}, warc.Field{Name: "Date", Value: "Sun, 22 Nov 2026 06:20:10 GMT"})
	b.put(r)
	r = record(2, "", "")
	r.Request.Target = "/y"
	b.put(r)
	b.caughtUp()
	b.want("from beacons order by id", strings.Join([]string{
		`0190a0b0-0000-7000-8000-000000000001 | 2026-11-22T06:20:11.123456Z | 2026-11-22T06:20:10Z | /x | q=1 | https://example.com | https://example.com/page | test | 203.0.113.0 | application/json | json | ` +
			`{"version": "1.2.3", "n": 1.00000000000000000001} | {"version": "1.2.3", "n": 1.00000000000000000001} | NULL | %!s(bool=false)`,
		`0190a0b0-0000-7000-8000-000000000002 | 2026-11-22T06:20:11.123456Z | NULL | /y | NULL | NULL | NULL | NULL | NULL | NULL | ping |  | NULL | NULL | %!s(bool=false)`,
	}, "\n"))
	b.want("select data->>'version' from beacons where stream = '/x'", "1.2.3")
}

func TestATableFromBeforeThereWereBotsGetsTheColumn(t *testing.T) {
	b := newBench(t)
	stop := b.drain()
	b.put(record(1, "text/plain", "old"))
	b.caughtUp()
	stop()
	if _, err := b.db.pool.Exec("alter table beacons drop column bot"); err != nil {
		t.Fatal(err)
	}
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.openDB()
	b.drain()
	r := record(2, "text/plain", "new")
	r.Request.Header = append(r.Request.Header, warc.Field{Name: "User-Agent", Value: "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"})
	b.put(record(1, "text/plain", "old"), r)
	b.caughtUp()
	b.want("select body, bot from beacons order by id", "old | NULL\nnew | %!s(bool=true)")
}

func TestATableWithAKeyLosesIt(t *testing.T) {
	b := newBench(t)
	stop := b.drain()
	b.put(record(1, "text/plain", "old"), record(2, "application/json", `{"a":1}`))
	b.caughtUp()
	stop()
	before := b.ask("from beacons order by id")
	keyed := strings.Replace(columnsOfBeacons, "id           uuid not null, --", "id uuid primary key, --", 1)
	if _, err := b.db.pool.Exec("alter table beacons rename to other; create table beacons " + keyed + "; alter table beacons add column bot boolean; insert into beacons from other; drop table other"); err != nil {
		t.Fatal(err)
	}
	b.want("select count(*) from duckdb_constraints() where table_name = 'beacons' and constraint_type = 'PRIMARY KEY'", "1")
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.openDB()
	b.want("select count(*) from duckdb_constraints() where table_name = 'beacons' and constraint_type = 'PRIMARY KEY'", "0")
	b.want("from beacons order by id", before)
	b.want("select count(*) from (describe beacons) where \"null\" = 'NO'", "5")
	b.drain()
	b.put(record(2, "text/plain", "again"), record(3, "text/plain", "new"))
	b.caughtUp()
	b.want("select count(*) from beacons", "3")
}

func TestOneBeaconIsThereAtOnce(t *testing.T) {
	b := newBench(t)
	b.drain()
	b.put(record(0, "", ""))
	b.caughtUp()
	began := time.Now()
	b.put(record(1, "text/plain", "x"))
	b.caughtUp()
	// It takes about 7 ms; the rest is for a machine that is busy otherwise.
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	b.want("select count(*) from beacons", "2")
}

func TestOfEqualIDsTheFirstIsKept(t *testing.T) {
	b := newBench(t)
	b.put(record(1, "text/plain", "first"), record(2, "text/plain", "other"), record(1, "text/plain", "second"))
	stop := b.drain()
	b.caughtUp()
	b.put(record(1, "text/plain", "third"), record(3, "text/plain", "new"))
	b.caughtUp()
	stop()

	b.closeInbox()
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.openInbox()
	b.openDB()
	b.put(record(1, "text/plain", "fourth"), record(4, "text/plain", "newer"))
	b.drain()
	b.caughtUp()
	b.want("select body from beacons order by id", "first\nother\nnew\nnewer")
}

func TestJSONThatOnlyTheEngineRefusesIsARowWithTheReason(t *testing.T) {
	b := newBench(t)
	b.drain()
	b.put(record(1, "application/json", `{"a":1}`), record(2, "application/json", `"\ud800"`), record(3, "application/json", `{"a":3}`))
	b.caughtUp()
	b.want("select body, data, error from beacons order by id", `{"a":1} | {"a":1} | NULL
"\ud800" | NULL | the engine can't hold this JSON, which may have half a surrogate pair in it
{"a":3} | {"a":3} | NULL`)
}

func TestWhatTheDecoderMakesIsWhatTheEngineHolds(t *testing.T) {
	b := newBench(t)
	b.drain()
	b.put(record(1, "text/plain", "a\x00\xff\U0001F600"), record(2, "application/x-www-form-urlencoded", "b=%00&a=1&b=2"),
		record(3, "application/json", ` null `), record(4, "application/octet-stream", "\x00\xff"), record(5, "application/json", `[`))
	b.caughtUp()
	b.want("select kind, data, error from beacons order by id", `text | "a\u0000`+"\uFFFD"+`😀" | the text is not UTF-8 at byte 2; data has U+FFFD there
form | {"b":["\u0000","2"],"a":"1"} | NULL
json |  null  | NULL
binary | NULL | NULL
json | NULL | the JSON is broken near byte 1: unexpected end of JSON input`)
	b.want("select hex(body) from beacons where kind = 'binary'", "00FF")
}

func TestABatchIsARowForEachMemberOnce(t *testing.T) {
	b := newBench(t)
	b.drain()
	batch := func(n int, body string) warc.Record {
		r := record(n, "application/json", body)
		r.Extra = warc.Fields{{Name: row.BatchField, Value: "yes"}}
		return r
	}
	b.put(batch(1, `[{"n":1}, {"n":2}]`), record(2, "application/json", `[{"n":3}]`))
	b.put(batch(1, `[{"n":1}, {"n":2}]`), batch(3, `["\ud800", 5]`))
	b.caughtUp()
	b.want("select body, data from beacons where error is null order by data->>'n', body", `{"n":1} | {"n":1}
{"n":2} | {"n":2}
5 | 5
[{"n":3}] | [{"n":3}]`)
	b.want("select body, data from beacons where error is not null", `"\ud800" | NULL`)
}

func TestABatchThatTheEngineFailsOnIsStoredWithoutItsData(t *testing.T) {
	b := newBench(t)
	b.db.insert = strings.Replace(insertBatch, "try_cast(data as json) as data,", `case when data = '"poison"' then error('it is poison') else try_cast(data as json) end as data,`, 1)
	r := record(1, "application/json", `["fine","poison"]`)
	r.Extra = warc.Fields{{Name: row.BatchField, Value: "yes"}}
	b.put(r, record(2, "application/json", `"fine too"`))
	b.drain()
	b.caughtUp()
	b.want("select body, data from beacons order by decode(body)", "\"fine too\" | \"fine too\"\n\"fine\" | NULL\n\"poison\" | NULL")
}

func TestARowThatTheEngineFailsOnIsStoredWithoutItsData(t *testing.T) {
	b := newBench(t)
	b.db.insert = strings.Replace(insertBatch, "try_cast(data as json) as data,", `case when data = '"poison"' then error('it is poison') else try_cast(data as json) end as data,`, 1)
	var records []warc.Record
	for n := range 100 {
		body := fmt.Sprint("fine ", n)
		if n == 37 || n == 38 {
			body = "poison"
		}
		records = append(records, record(n, "text/plain", body))
	}
	b.put(records...)
	b.drain()
	b.caughtUp()
	b.want("select count(*), count(data) from beacons", "100 | 98")
	b.want("select id, body, error from beacons where data is null order by id", id(37).String()+` | poison | the engine refused what was decoded: Invalid Input Error: it is poison
`+id(38).String()+` | poison | the engine refused what was decoded: Invalid Input Error: it is poison`)
}

func TestADamagedRecordIsARow(t *testing.T) {
	b := newBench(t)
	good, bad := encode(t, record(1, "text/plain", "good")), encode(t, record(2, "text/plain", "flip me"))
	bad = []byte(strings.Replace(string(bad), "flip me", "flip mE", 1))
	if err := b.in.Append(append(append(append(append([]byte{}, bad...), good...), "this is no record at all"...), encode(t, record(3, "text/plain", "good too"))...)); err != nil {
		t.Fatal(err)
	}
	stop := b.drain()
	b.caughtUp()
	b.want("select body from beacons where error is null order by id", "good\ngood too")
	b.want("select id, received_at, stream, query, kind, data, error from beacons where error like '%digest%'",
		id(2).String()+" | 2026-11-22T06:20:11.123456Z | /x | q=1 | binary | NULL | damaged on disk: corrupt record: block digest does not match")
	b.want("select body, kind, error, received_at > now() - interval 1 minute, uuid_extract_version(id) from beacons where error not like '%digest%'",
		`this is no record at all | binary | damaged on disk: corrupt record: does not begin with "WARC/1." | %!s(bool=true) | %!s(uint32=5)`)

	// Read again, it is the same row.
	stop()
	if _, err := b.db.pool.Exec(`update cursors set segment = '', "offset" = 0`); err != nil {
		t.Fatal(err)
	}
	b.drain()
	b.put(record(4, "text/plain", "last"))
	b.caughtUp()
	b.want("select count(*) from beacons", "5")
}

func TestCaughtUpDoesNotWaitForBeaconsThatAreNotThere(t *testing.T) {
	b := newBench(t)
	b.drain()
	b.caughtUp() // there is no segment at all
	b.put(record(1, "text/plain", "x"))
	b.caughtUp()
	// A writer that died, or whose disk was full, leaves an empty segment at the end.
	empty := filepath.Join(b.dir, "inbox", "99990101T000000.000000Z-1-00000000.warc")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.caughtUp()

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.db.CaughtUp(ctx, spool.Cursor{Segment: "x"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what never comes ended with %v", err)
	}
}

func TestAClosedDatabaseEndsDrain(t *testing.T) {
	b := newBench(t)
	b.db.Close()
	if err := b.db.Drain(t.Context(), b.in); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if _, err := b.db.Query(t.Context(), "select 1"); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

func TestAnEngineThatFailedIsOpenedAgain(t *testing.T) {
	b := newBench(t)
	b.drain()
	b.put(record(1, "text/plain", "x"))
	b.caughtUp()
	b.db.sick.Store(true) // as a query does that hears of a fatal error
	b.db.done.ask()
	b.put(record(2, "text/plain", "y"))
	b.caughtUp()
	b.want("select body from beacons order by id", "x\ny")
}

func TestAnyPathIsOpened(t *testing.T) {
	for _, name := range []string{"100%", "it's", "a b=c&d"} {
		path := filepath.Join(t.TempDir(), name)
		db, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := db.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNoDatabaseIsRefused(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "a?b")); err == nil || !strings.Contains(err.Error(), "name another one") {
		t.Error(err)
	}
	b := newBench(t)
	if err := os.WriteFile(filepath.Join(b.dir, "text"), []byte("not a database, but longer than nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(b.dir, "text")); err == nil {
		t.Error("a text file was opened")
	} else {
		t.Log(err)
	}
}

func TestLargeBeaconsAreStored(t *testing.T) {
	b := newBench(t)
	stop := b.drain()
	// They don't fit into the memory that the engine has between transactions, nor can they be
	// compressed.
	body := make([]byte, 350_000)
	source := rand.NewChaCha8([32]byte{})
	for n := range 100 {
		source.Read(body)
		b.put(record(n, "application/json", fmt.Sprintf(`{"x":"%x"}`, body)))
	}
	b.caughtUp()
	const query, want = "select count(*), count(data), sum(octet_length(body))::bigint from beacons", "100 | 100 | 70000800"
	b.want(query, want)
	if limit := b.memoryLimit(); limit != "64.0 MiB" {
		t.Errorf("between transactions the engine may take %s", limit)
	}
	stop()
	b.reopen("x:varchar")
	b.fill()
	b.want(query, want)
	b.want("select sum(len(x))::bigint from beacons", "70000000")
}
