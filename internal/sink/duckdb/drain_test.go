//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

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

func TestOneBeaconIsThereAtOnce(t *testing.T) {
	b := newBench(t)
	b.drain()
	b.put(record(0, "", ""))
	b.caughtUp()
	began := time.Now()
	b.put(record(1, "text/plain", "x"))
	b.caughtUp()
	// It takes about 7 ms, and maxPause where it rests.
	if took := time.Since(began); took > 10*time.Second {
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
	b.closeDB()
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

func TestLargeBeaconsAreStored(t *testing.T) {
	b := newBench(t)
	stop := b.drain()
	// As large as a collector takes them: one alone is more than the memory that the engine has
	// between transactions leaves room for, and they can't be compressed.
	body := make([]byte, 7_900_000)
	source := rand.NewChaCha8([32]byte{})
	for n := range 4 {
		source.Read(body)
		b.put(record(n, "application/json", fmt.Sprintf(`{"x":"%x"}`, body)))
	}
	b.caughtUp()
	const query, want = "select count(*), count(data), sum(octet_length(body))::bigint from beacons", "4 | 4 | 63200032"
	b.want(query, want)
	if limit := b.memoryLimit(); limit != "64.0 MiB" {
		t.Errorf("between transactions the engine may take %s", limit)
	}
	stop()
	b.reopen("x:varchar")
	b.fill()
	b.want(query, want)
	b.want("select sum(len(x))::bigint from beacons", "63200000")
}

func TestAnotherInboxIsReadFromItsBeginning(t *testing.T) {
	b := newBench(t)
	if _, err := b.db.pool.Exec(`update cursors set segment = '99990101T000000.000000000Z', "offset" = 7`); err != nil {
		t.Fatal(err)
	}
	b.closeDB()
	b.openDB()
	b.put(record(1, "text/plain", "x"))
	b.drain()
	b.caughtUp()
	b.want("select body from beacons", "x")
}

// The place in the table is not known to be one of this inbox before, and new columns are filled
// first.
func TestCaughtUpWaitsForDrain(t *testing.T) {
	b := newBench(t)
	end, err := b.in.End()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := b.db.CaughtUp(ctx, end); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	b.drain()
	b.caughtUp()
}
