package table

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestWriter_Record_HasAllValues(t *testing.T) {
	h := newHarness(t, Options{Columns: []Column{{"version", "varchar", "$.version", ""}, {"n", "double", "$.n", ""}, {"Flag", "boolean", "$.flag", ""}, {"big", "bigint", "/big", ""}}})
	r := textRecord(1, "application/json", `{"version": "1.2.3", "n": 1.5, "flag": true, "big": -9007199254740993}`)
	r.IP = "203.0.113.0"
	r.Extra = warc.Fields{{Name: row.CountryField, Value: "NZ"}}
	r.Request.Header = append(r.Request.Header, warc.Field{Name: "Origin", Value: "https://example.com"}, warc.Field{Name: "Referer", Value: "https://example.com/page"},
		warc.Field{Name: "User-Agent", Value: "Googlebot/2.1"}, warc.Field{Name: "Date", Value: "Sun, 22 Nov 2026 06:20:10 GMT"})
	empty := textRecord(2, "", "")
	empty.Request.Target = "/y"
	h.putAndFlush(r, empty)
	for n, want := range map[int]stored{
		1: {
			"id": idOf(1), "received_at": base.Add(time.Millisecond).UnixMicro(), "sent_at": time.Date(2026, 11, 22, 6, 20, 10, 0, time.UTC).UnixMicro(),
			"stream": "/x", "query": "q=1", "origin": "https://example.com", "referrer": "https://example.com/page", "user_agent": "Googlebot/2.1", "ip": "203.0.113.0",
			"content_type": "application/json", "kind": "json", "data": string(r.Request.Body), "bot": true, "bot_reason": "agent", "browser": "Googlebot", "country": "NZ",
			"version": "1.2.3", "n": 1.5, "Flag": true, "big": int64(-9007199254740993),
		},
		2: {"id": idOf(2), "received_at": base.Add(2 * time.Millisecond).UnixMicro(), "stream": "/y", "kind": "ping", "body": "", "bot": false},
	} {
		if got := h.one(n); !reflect.DeepEqual(got, want) {
			t.Errorf("record %d:\ngot  %v\nwant %v", n, got, want)
		}
	}
}

func TestWriter_BodyOtherThanData_KeepsBoth(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(
		textRecord(1, "text/plain", "hello"),
		textRecord(2, "application/octet-stream", "\x00\xff"),
		textRecord(3, "application/json", "["),
		textRecord(4, "application/json", " null "),
		textRecord(5, "application/x-www-form-urlencoded", "b=1&a=2"))
	for n, want := range map[int][3]any{
		1: {"hello", `"hello"`, nil},
		2: {"\x00\xff", nil, "a body of the type application/octet-stream is not decoded"},
		3: {"[", nil, "the JSON is broken near byte 1: unexpected end of JSON input"},
		4: {nil, " null ", nil},
		5: {"b=1&a=2", `{"b":"1","a":"2"}`, nil},
	} {
		r := h.one(n)
		if got := [3]any{r["body"], r["data"], r["error"]}; got != want {
			t.Errorf("record %d: body, data, error: got %q, want %q", n, got, want)
		}
	}
}

func TestWriter_HalfSurrogate_IsMended(t *testing.T) {
	h := newHarness(t, Options{Columns: []Column{{"a", "varchar", "$.a", ""}}})
	h.putAndFlush(textRecord(1, "application/json", `{"a":"\ud800"}`), textRecord(2, "application/json", `{"a":"\ud83d\ude00"}`))
	if r := h.one(1); r["data"] != `{"a":"\ufffd"}` || r["a"] != "\ufffd" || r["body"] != `{"a":"\ud800"}` || !strings.Contains(fmt.Sprint(r["error"]), "surrogate") {
		t.Errorf("half a pair: got %v", r)
	}
	if r := h.one(2); r["data"] != `{"a":"\ud83d\ude00"}` || r["a"] != "😀" || r["error"] != nil {
		t.Errorf("a whole pair: got %v", r)
	}
}

func TestWriter_DamagedRecord_IsARowWithTheReason(t *testing.T) {
	h := newHarness(t, Options{})
	h.put(record(1), textRecord(2, "text/plain", "to be damaged"), record(3))
	segment := h.segments()[0]
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b = []byte(strings.Replace(string(b), "to be damaged", "to be dbmaged", 1))
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	h.drain()
	h.wantIDs(1, 2, 3)
	if r := h.one(2); r["kind"] != "binary" || !strings.HasPrefix(fmt.Sprint(r["error"]), "damaged on disk: ") || !strings.Contains(fmt.Sprint(r["body"]), "dbmaged") {
		t.Errorf("got %v", r)
	}
}

// segments are the paths of the inbox's segments, oldest first.
func (h *harness) segments() []string {
	h.Helper()
	all, err := filepath.Glob(filepath.Join(h.dir, "inbox", "*.warc"))
	if err != nil || len(all) == 0 {
		h.Fatalf("segments: %v %v", all, err)
	}
	return all
}

func TestWriter_Batch_IsARowForEachMemberOnce(t *testing.T) {
	h := newHarness(t, Options{})
	b := keyed(batch(textRecord(1, "application/json", `[{"n":1}, {"n":2}, "\ud800"]`)))
	h.putAndFlush(b)
	h.putAndFlush(b, textRecord(2, "application/json", `[{"n":3}]`))
	rows, data := h.rows(), map[any]int{}
	for _, r := range rows {
		data[r["data"]]++
	}
	if want := map[any]int{`{"n":1}`: 1, `{"n":2}`: 1, `"\ufffd"`: 1, `[{"n":3}]`: 1}; !reflect.DeepEqual(data, want) {
		t.Errorf("got %v, want %v", data, want)
	}
}

func TestWriter_BatchOfTenThousand_IsTenThousandRows(t *testing.T) {
	h := newHarness(t, Options{})
	var body strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&body, "{\"i\":%d}\n", i)
	}
	for n := range 7 { // 70,000 rows are more than one flush
		h.put(batch(textRecord(n, "application/x-ndjson", body.String())))
	}
	h.drain()
	ids := map[uuid.UUID]bool{}
	for _, r := range h.rows() {
		ids[r.id()] = true
	}
	if len(ids) != 70_000 {
		t.Errorf("rows: got %d, want 70000", len(ids))
	}
}

func TestWriter_RowOf16MiB_FileHasSmallFooter(t *testing.T) {
	h := newHarness(t, Options{Columns: []Column{{"a", "varchar", "$.a", ""}}})
	large := `{"a":"` + strings.Repeat("abcdefgh", 2<<20) + `"}`
	h.putAndFlush(record(1), textRecord(2, "application/json", large), textRecord(3, "application/octet-stream", "\x00"+large), record(4))
	if r := h.one(2); r["data"] != large || r["a"] != large[6:len(large)-2] {
		t.Errorf("data: got %d bytes, want %d", len(fmt.Sprint(r["data"])), len(large))
	}
	if r := h.one(3); r["body"] != "\x00"+large {
		t.Errorf("body: got %d bytes, want %d", len(fmt.Sprint(r["body"])), len(large))
	}
	h.wantIDs(1, 2, 3, 4)
	for _, f := range h.table.manifest.Files {
		if size := footer(t, filepath.Join(h.tableDir(), f.Name)); size > 64<<10 {
			t.Errorf("the metadata of %s: got %d bytes, want at most 64 KiB", f.Name, size)
		}
	}
	h.compactAll(time.Now().Add(30 * time.Hour))
	h.wantIDs(1, 2, 3, 4)
}

func TestWriter_OddDates_AreFilesOfTheirPeriods(t *testing.T) {
	h := newHarness(t, Options{})
	dates := map[int]time.Time{
		1: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), 2: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		3: time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), 4: time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), 5: base, 6: time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	var all []warc.Record
	for n, date := range dates {
		all = append(all, at(record(n), date))
	}
	h.putAndFlush(all...)
	for n, date := range dates {
		if got := h.one(n)["received_at"]; got != date.UnixMicro() {
			t.Errorf("record %d: received_at: got %v, want %v", n, got, date.UnixMicro())
		}
	}
	if got := h.table.Status().Files; got != len(dates) {
		t.Errorf("files: got %d, want %d: %v", got, len(dates), h.files())
	}
	h.reopen(Options{})
	h.wantIDs(1, 2, 3, 4, 5, 6)
}

// TestWriter_FlushFails_TriesAgain puts a folder where a file of the table should be.
func TestWriter_FlushFails_TriesAgain(t *testing.T) {
	for _, name := range []string{manifestName + ".new", base.Format("20060102") + "-00000001" + fileExt} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, Options{})
			obstacle := filepath.Join(h.tableDir(), name)
			if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o700); err != nil {
				t.Fatal(err)
			}
			h.run()
			h.put(keyed(record(1)), record(2))
			if _, err := h.table.Flush(context.Background(), h.in, timeout); err == nil {
				if strings.HasPrefix(name, manifestName) {
					t.Fatal("Flush: got nil, want an error")
				}
			} else if _, healthy := h.table.Consumed(); healthy || h.table.Status().Error == nil {
				t.Error("the table is healthy, though its flush failed")
			}
			// A query sees the rows all the same.
			s, err := h.table.Snapshot(context.Background(), h.in, timeout)
			if err != nil || s.Rows() != 2 || s.Behind != 0 {
				t.Fatalf("Snapshot: got %d rows, %v", s.Rows(), err)
			}
			s.Release()
			if err := os.RemoveAll(obstacle); err != nil {
				t.Fatal(err)
			}
			h.put(record(3))
			h.flush()
			if err := h.table.Status().Error; err != nil {
				t.Errorf("Status: got the error %v, want none", err)
			}
			h.wantIDs(1, 2, 3)
		})
	}
}

// TestWriter_ManyDaysInRandomOrder_FewFilesAFlush imports records of three years.
func TestWriter_ManyDaysInRandomOrder_FewFilesAFlush(t *testing.T) {
	h := newHarness(t, Options{})
	var all []warc.Record
	for n := range 5000 {
		all = append(all, at(imported(record(n)), base.AddDate(0, 0, -(n*7919)%1095)))
	}
	h.putAndFlush(all...)
	if got := h.table.Status().Files; got > 32+37 {
		t.Errorf("files: got %d, want at most one for each of 32 days and 37 months", got)
	}
	h.wantIDs(span(0, 5000)...)
	h.compactAll(time.Now())
	h.wantIDs(span(0, 5000)...)
}

func TestWriter_InboxDeleted_GoesOnWithoutRepeats(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(record(1), record(2))
	h.in.Close()
	for _, s := range h.segments() {
		if err := os.Remove(s); err != nil {
			t.Fatal(err)
		}
	}
	// The clock was ahead when the deleted segment was begun.
	h.table.change(func(m *manifest) { m.Cursor.Segment = "29" + m.Cursor.Segment[2:] })
	h.openInbox()
	h.drain()
	h.put(record(3))
	h.crash()
	h.drain()
	h.put(record(4))
	h.drain()
	h.wantIDs(1, 2, 3, 4)
}
