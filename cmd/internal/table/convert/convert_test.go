//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	engine "github.com/duckdb/duckdb-go-bindings"
	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestRun_RowsOfAllKinds_AreTheSame(t *testing.T) {
	for name, statements := range map[string][]string{
		"newest schema": {schema, allKinds, withBot, paddingLeft, columnsDeclared},
		"first schema":  {firstSchema, allKinds},
		"key taken off": {schema, allKinds},
	} {
		t.Run(name, func(t *testing.T) {
			data := newData(t, append(statements, "update cursors set segment = '0001.warc', \"offset\" = 4711")...)
			os.WriteFile(filepath.Join(data, fileName+".wal"), nil, 0o600)
			os.Mkdir(filepath.Join(data, fileName+".tmp"), 0o700)
			old := keepOld(t, data)
			convert(t, data)
			for _, gone := range []string{fileName, fileName + ".wal", fileName + ".tmp"} {
				if _, err := os.Lstat(filepath.Join(data, gone)); !os.IsNotExist(err) {
					t.Errorf("after Run %s: got %v, want not there", gone, err)
				}
			}
			if Needed(data) {
				t.Error("after Run Needed: got true, want false")
			}
			view, cursor := openNew(t, data)
			if want := (spool.Cursor{Segment: "0001.warc", Offset: 4711}); cursor != want {
				t.Errorf("cursor: got %v, want %v", cursor, want)
			}
			compare(t, old, view)
		})
	}
}

func TestRun_DeclaredColumns_ComputedFromData(t *testing.T) {
	data := newData(t, schema, allKinds)
	convert(t, data)
	view, _ := openNew(t, data)
	db := openDB(t, filepath.Join(t.TempDir(), "x"))
	var got string
	if err := db.QueryRow(`select string_agg(format('{} {}', value, name), ', ' order by value) from (` + view + `) where value is not null`).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "1.5 LCP, 20.0 a\"b"; got != want {
		t.Errorf("value and name: got %s, want %s", got, want)
	}
}

func TestRun_WriteAheadLog_RowsInItToo(t *testing.T) {
	for _, cut := range []int{0, 100} {
		data := t.TempDir()
		killed := filepath.Join(t.TempDir(), fileName)
		db := openDB(t, killed)
		for _, s := range []string{schema, "checkpoint", allKinds, usualRows(500, 5), "update cursors set segment = '0001.warc', \"offset\" = 1"} {
			execute(t, db, s)
		}
		if cut > 0 { // the last transaction is not whole
			execute(t, db, usualRows(7, 1))
		}
		for _, ext := range []string{"", ".wal"} {
			b, err := os.ReadFile(killed + ext)
			if err != nil {
				t.Fatal(err)
			}
			if ext != "" {
				b = b[:len(b)-cut]
			}
			if err := os.WriteFile(filepath.Join(data, fileName+ext), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		execute(t, db, "use memory; detach beacons")
		old := keepOld(t, data)
		convert(t, data)
		view, _ := openNew(t, data)
		compare(t, old, view)
	}
}

func TestRun_FileWithoutTables_Empty(t *testing.T) {
	data := newData(t)
	convert(t, data)
	if _, cursor := openNew(t, data); cursor != (spool.Cursor{}) || Needed(data) {
		t.Errorf("cursor: got %v, want none; Needed: got %v, want false", cursor, Needed(data))
	}
}

func TestRun_FileOfOtherTables_Kept(t *testing.T) {
	data := newData(t, "create table mine (x integer)")
	err := convertOnce(t.Context(), data, slog.New(slog.DiscardHandler), nil)
	if err == nil || !strings.Contains(err.Error(), "no table beacons") || !Needed(data) {
		t.Errorf("got %v, file there: %v; want an error and the file", err, Needed(data))
	}
}

// A collector of the former version may run again after the conversion, and makes an old table
// with some of the same rows. The same happens where the old file could not be deleted.
func TestRun_RowsThatTheTableHas_AddedOnce(t *testing.T) {
	data := newData(t, schema, allKinds, usualRows(3000, 40), "update cursors set segment = '0002.warc', \"offset\" = 5")
	first := keepOld(t, data)
	convert(t, data)
	again := newData(t, fmt.Sprintf(`attach '%s' as first (read_only)`, first), schema,
		"insert into beacons by name from first.beacons where stream = '/events' or kind = 'text'",
		"insert into beacons by name select * replace (md5(id::varchar)::uuid as id) from first.beacons where day(received_at) < 3",
		"update cursors set segment = '0001.warc', \"offset\" = 99", "detach first")
	all := newData(t, fmt.Sprintf(`attach '%s' as first (read_only)`, first), schema, "insert into beacons by name from first.beacons",
		"insert into beacons by name select * replace (md5(id::varchar)::uuid as id) from first.beacons where day(received_at) < 3", "detach first")
	if err := os.Rename(filepath.Join(again, fileName), filepath.Join(data, fileName)); err != nil {
		t.Fatal(err)
	}
	convert(t, data)
	view, cursor := openNew(t, data)
	if want := (spool.Cursor{Segment: "0002.warc", Offset: 5}); cursor != want {
		t.Errorf("cursor: got %v, want %v, which is behind that of the second table", cursor, want)
	}
	compare(t, keepOld(t, all), view)
}

// A sender may have sent a beacon before the conversion, and sends it again after it.
func TestRun_BeaconSentAgain_NoSecondRow(t *testing.T) {
	one := record(1, `{"value":1}`)
	batch := record(2, `[{"value":2},{"value":3}]`)
	batch.Extra = warc.Fields{{Name: row.BatchField, Value: "yes"}}
	late := record(3, `{"value":4}`)
	statements := []string{schema}
	for _, r := range slices.Concat(row.Rows(&one), row.Rows(&batch), row.Rows(&late)) {
		age := "1 hour"
		if r.ID == late.ID {
			age = "49 hours"
		}
		statements = append(statements, fmt.Sprintf(`insert into beacons by name select '%s'::uuid as id, now() - interval '%s' as received_at,
			'/events' as stream, 'json' as kind, encode('%s') as body, '%[3]s'::json as data`, r.ID, age, r.Data))
	}
	data := newData(t, statements...)
	convert(t, data)
	view, _ := openNew(t, data, one, batch, late, record(4, `{"value":5}`))
	db := openDB(t, filepath.Join(t.TempDir(), "x"))
	var got string
	if err := db.QueryRow("select string_agg(value::integer, ' ' order by value) from (" + view + ")").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "1 2 3 4 4 5"; got != want {
		t.Errorf("values: got %s, want %s, where the 4 came again after more than 48 h", got, want)
	}
}

func record(n byte, body string) warc.Record {
	return warc.Record{
		ID: uuid.UUID{1, 0x90, 0xa0, 0xb0, 0, 0, 0x70, 0, 0x80, 15: n}, Date: time.Now(), Target: "http://127.0.0.1/events",
		Request: warc.Request{Method: "POST", Target: "/events", Proto: "HTTP/1.1", Body: []byte(body),
			Header: warc.Fields{{Name: "Content-Type", Value: "application/json"}, {Name: "Idempotency-Key", Value: "k"}}},
	}
}

func TestRun_Progress_EndsWithAllRows(t *testing.T) {
	data := newData(t, schema, usualRows(5000, 3))
	var text bytes.Buffer
	var last [2]int64
	err := convertOnce(t.Context(), data, slog.New(slog.NewTextHandler(&text, nil)), func(done, all int64) {
		if done < last[0] || all != 5000 {
			t.Errorf("progress after %v: got %d of %d", last, done, all)
		}
		last = [2]int64{done, all}
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != [2]int64{5000, 5000} {
		t.Errorf("last progress: got %v, want 5000 of 5000", last)
	}
	for _, want := range []string{"rows=5000", "needs_mib=", "free_mib=", "converted"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("log:\n%s\nwant it to contain %q", &text, want)
		}
	}
}

func TestRun_OldRowsOfMonths_FewFiles(t *testing.T) {
	data := newData(t, schema, strings.Replace(usualRows(3000, 300), "2026-11-01", "2025-01-01", 1))
	old := keepOld(t, data)
	convert(t, data)
	files, err := filepath.Glob(filepath.Join(data, "table", "*.parquet"))
	if err != nil || len(files) != 10 {
		t.Errorf("files of 300 days in 10 months: got %d, %v, want 10", len(files), err)
	}
	view, _ := openNew(t, data)
	compare(t, old, view)
}

func TestCheckDisk_TooLittle_SaysHowMuch(t *testing.T) {
	h := header{Rows: 1, Bytes: 1 << 60}
	err := checkDisk(t.TempDir(), filepath.Join(t.TempDir(), fileName), &h, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "MiB are free") {
		t.Errorf("got %v, want an error with the free space", err)
	}
}

func TestNeeded_NoFile_False(t *testing.T) {
	if Needed(t.TempDir()) {
		t.Error("got true, want false")
	}
}

func TestParseRow_CutShort_Error(t *testing.T) {
	whole := rowHead(nil, [16]byte{1}, -1, 5, flagSent|flagData|flagBotNull)
	for i := range texts {
		whole = rowText(whole, bytes.Repeat([]byte{'x'}, i*20))
	}
	r, err := parseRow(slices.Clone(whole))
	if err != nil || len(r.Data) != 200 || len(r.Body) != 180 || r.ReceivedAt.UnixMicro() != -1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	for n := range whole {
		if _, err := parseRow(whole[:n:n]); err == nil {
			t.Errorf("the first %d of %d bytes: got no error", n, len(whole))
		}
	}
}

func TestSendDay_LittleMemory_AllRowsInOrder(t *testing.T) {
	data := newData(t, schema, `insert into beacons by name select uuidv7() as id, timestamptz '2026-11-01 00:00:00Z' + to_seconds(i // 10) as received_at,
		'/large' as stream, 'binary' as kind, repeat(md5(i::varchar), 1500)::blob as body from range(1000) r(i)`)
	o, err := openOld(filepath.Join(data, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(&o.db)
	defer engine.Disconnect(&o.conn)
	h, days, err := o.describe()
	if err != nil || len(days) != 1 {
		t.Fatalf("days: got %v, %v, want one", days, err)
	}
	if err := o.query("set memory_limit = '20MiB'", func(*chunk) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var out frames
	var next int64
	if err := o.sendRows(out.writer(), "true", &next); !errors.Is(err, errMemory) {
		t.Fatalf("one query for %d rows: got %v, want %v", h.Rows, err, errMemory)
	}
	out.Reset()
	w := out.writer()
	if err := errors.Join(o.sendDay(w, days[0]), w.Flush()); err != nil {
		t.Fatal(err)
	}
	rows, last := int64(0), int64(0)
	for r := range out.rows(t) {
		if rows++; r.ReceivedAt.UnixMicro() < last {
			t.Fatalf("row %d: received at %v, before the row before it", rows, r.ReceivedAt)
		}
		last = r.ReceivedAt.UnixMicro()
	}
	if rows != h.Rows {
		t.Errorf("rows: got %d, want %d", rows, h.Rows)
	}
}

func convert(t *testing.T, data string) {
	t.Helper()
	if err := convertOnce(context.Background(), data, slog.New(slog.NewTextHandler(t.Output(), nil)), nil); err != nil {
		t.Fatal(err)
	}
}
