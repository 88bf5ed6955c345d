//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oddView has what a format could get wrong.
const oddView = `select id, timestamptz '2026-11-22 06:20:11.123456Z' as received_at,
	case when id = 3 then null else timestamptz '2026-11-22 06:20:11Z' end as sent_at,
	stream, body, data::json as data, bot, "lcp ""x""" from (values
	(1, '/x', '{}'::blob, '{"b": 1.00000000000000000001,' || chr(13) || chr(10) || ' "a":[ 1 ],"a":2,"z":"\u0000\ud83d\ude00</script>"}', true, 1.5::double),
	(2, '/"quoted",' || chr(10), encode('a,b' || chr(10) || '"c"' || chr(13) || chr(10) || '''d''' || chr(9) || '\x41 ' || chr(8232) || 'é'), null, false, 'nan'::double),
	(3, '', 'a\x00b'::blob, null, null, null),
	(4, null, '\xff\x00\x0A"\xfe'::blob, null, true, '-inf'::double),
	(5, '/', ''::blob, 'null', true, 0),
	(7, '/', '{"base64": "/wA="}'::blob, '[]', true, 1e300)
) t(id, stream, body, data, bot, "lcp ""x""")`

const oddRows = 6

// export returns the path of a copy of the export.
func export(t *testing.T, p *Pool, view string, format Format) string {
	t.Helper()
	x, err := p.Export(t.Context(), Request{View: view}, format)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	content, err := io.ReadAll(x)
	if err != nil || int64(len(content)) != x.Size {
		t.Fatalf("%d bytes of %d: %v", len(content), x.Size, err)
	}
	path := filepath.Join(t.TempDir(), "beacons."+string(format))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// objects are the rows of an answer, each as a map.
func objects(t *testing.T, p *Pool, r Request) (all []map[string]json.RawMessage) {
	t.Helper()
	columns, lines, err := answer(t, p, r)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(lines) {
		var values []json.RawMessage
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			t.Fatal(err)
		}
		o := map[string]json.RawMessage{}
		for i, name := range columns {
			o[name] = values[i]
		}
		all = append(all, o)
	}
	return all
}

// decoded is JSON as its reader sees it.
func decoded(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return fmt.Sprint(v)
}

func TestExport_JSON_IsTheAnswerOfAQuery(t *testing.T) {
	p := newPool(t)
	text, err := os.ReadFile(export(t, p, oddView, JSON))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	rows := objects(t, p, Request{SQL: "from beacons", View: oddView})
	if len(lines) != len(rows) || len(rows) != oddRows {
		t.Fatalf("%d lines and %d rows, want %d:\n%s", len(lines), len(rows), oddRows, text)
	}
	for i, row := range rows {
		object, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := decoded(t, []byte(lines[i])), decoded(t, object); got != want {
			t.Errorf("row %d\ngot  %s\nwant %s", i+1, got, want)
		}
	}
	if !strings.Contains(string(text), `{"b": 1.00000000000000000001,   "a":[ 1 ],"a":2,`) {
		t.Errorf("digits, order or one of two equal names is lost: %s", text)
	}
}

func TestExport_CSV_IsTheAnswerOfAQuery(t *testing.T) {
	p := newPool(t)
	f, err := os.Open(export(t, p, oddView, CSV))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// data is text in CSV, as it was sent.
	rows := objects(t, p, Request{SQL: "select * replace (data::varchar as data) from beacons", View: oddView})
	if len(lines) != len(rows)+1 {
		t.Fatalf("%d lines of %d rows", len(lines), len(rows))
	}
	for i, row := range rows {
		for k, name := range lines[0] {
			got, want := lines[i+1][k], ""
			if text := row[name]; string(text) != "null" && json.Unmarshal(text, &want) != nil {
				want = string(text)
			}
			// Go's reader makes a line feed of CR LF in a value.
			if want = strings.ReplaceAll(want, "\r\n", "\n"); got != want {
				t.Errorf("row %d, %s\ngot  %q\nwant %q", i+1, name, got, want)
			}
		}
	}
}

func TestExport_Parquet_IsTheTable(t *testing.T) {
	p := newPool(t)
	path := export(t, p, oddView, Parquet)
	if err := os.Rename(path, filepath.Join(p.o.Dir, "export.parquet")); err != nil {
		t.Fatal(err)
	}
	copied := "from read_parquet('" + filepath.ToSlash(p.o.Dir) + "/export.parquet')"
	for _, sql := range []string{"from beacons order by id", "describe beacons", "select hex(body), hex(encode(data::varchar)) from beacons order by id"} {
		_, want, err := answer(t, p, Request{SQL: sql, View: oddView})
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := answer(t, p, Request{SQL: sql, View: copied}); err != nil || got != want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", sql, got, err, want)
		}
	}
}

func TestExport_EmptyTable_HasNames(t *testing.T) {
	p := newPool(t)
	view := "select * from (" + smallView + ") where false"
	for _, c := range []struct {
		format Format
		want   string
	}{{JSON, ""}, {CSV, "stream,data,received_at\n"}} {
		if text, err := os.ReadFile(export(t, p, view, c.format)); err != nil || string(text) != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.format, text, err, c.want)
		}
	}
	if text, err := os.ReadFile(export(t, p, view, Parquet)); err != nil || len(text) < 12 || string(text[len(text)-4:]) != "PAR1" {
		t.Errorf("parquet: got %q, %v", text, err)
	}
	if _, err := p.Export(t.Context(), Request{View: view}, "xlsx"); !errors.Is(err, ErrFormat) {
		t.Errorf("xlsx: got %v", err)
	}
}

func TestExport_Ends_NothingIsLeft(t *testing.T) {
	p := newPool(t)
	export(t, p, oddView, CSV)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Export(ctx, Request{View: oddView}, CSV); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: got %v", err)
	}
	if _, err := p.Export(t.Context(), Request{View: "select error('x') as x"}, CSV); err == nil || !strings.Contains(err.Error(), "x") {
		t.Errorf("failed: got %v", err)
	}
	exports := func() int {
		files, err := filepath.Glob(filepath.Join(p.o.Temp, exportPrefix+"*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	if n := exports(); n != 0 {
		t.Errorf("%d exports are left", n)
	}
	x, err := p.Export(t.Context(), Request{View: oddView}, JSON)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if n := exports(); n != 1 {
		t.Errorf("%d exports are there, want 1", n)
	}
}

func TestExport_TooLarge_SaysSo(t *testing.T) {
	p := newPool(t)
	_, err := p.ask(t.Context(), question{View: "select repeat('x', 1000) || range as x from range(10000000)", Format: CSV, File: "export.csv"}, 20<<20)
	if !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), "more than the 20 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestExport_OneRuns_QueriesAreAnswered(t *testing.T) {
	p := newPool(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 6)
	for range cap(ended) {
		go func() {
			_, err := p.Export(ctx, Request{View: "select sum(i * j) as x from range(1000000) a(i), range(1000000) b(j)"}, CSV)
			ended <- err
		}()
	}
	until(t, "an export runs", func() bool { return p.Stats().Running == 1 })
	want(t, p, "select 1", "[1]")
	cancel()
	for range cap(ended) {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}
