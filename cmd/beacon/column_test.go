//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFieldOfDataHasAColumn(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	s.post("/vitals", "application/json", `{"value":1.5,"metrics":{"lcp":7}}`)
	s.stop()
	t.Setenv("BEACON_COLUMN", "value:double largest:bigint=$.metrics.lcp")
	for range 2 {
		s = p.serve("127.0.0.1:0")
		s.post("/vitals", "application/json", `{"value":2.5,"metrics":{"lcp":8}}`)
		s.post("/vitals", "text/plain", "no JSON")
		s.stop()
	}
	s = p.serve("127.0.0.1:0", "--column", "value:double")
	if rows := s.query("select value, count(*) as n from beacons group by value order by value nulls last"); fmt.Sprint(rows) != "[map[n:1 value:1.5] map[n:2 value:2.5] map[n:2 value:<nil>]]" {
		t.Errorf("%v", rows)
	}
	if _, errs, status := p.beacon("query", "--server", s.URL, "select largest from beacons"); status != 1 || !strings.Contains(errs, "largest") {
		t.Errorf("status %d: %s", status, errs)
	}
	s.stop()
}

func TestColumn_Timestamp_IsTheSameFromFileAndJSON(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	s.post("/e", "application/json", `{"n":1,"at":"2026-11-30T12:00:00.25+01:00"}`)
	s.post("/e", "application/json", `{"n":2,"at":1764504000123}`)
	s.stop()
	for range 2 { // rows before the column is declared, and after
		s = p.serve("127.0.0.1:0", "--column", "event_at:timestamp=$.at")
		rows := s.query("select n, extract('epoch' from event_at) as t from (select data->>'n' as n, event_at from beacons) group by all order by n")
		if fmt.Sprint(rows) != "[map[n:1 t:1.79603640025e+09] map[n:2 t:1.764504000123e+09]]" {
			t.Errorf("got %v", rows)
		}
		s.post("/e", "application/json", `{"n":1,"at":"2026-11-30T11:00:00.25Z"}`)
		s.post("/e", "application/json", `{"n":2,"at":"1764504000.123"}`)
		s.stop()
	}
}

func TestServeSaysWhatIsWrongWithAColumn(t *testing.T) {
	p := newPlace(t)
	for column, says := range map[string]string{
		"value":              "value:double",
		"value:float":        "write double, bigint, boolean, timestamp or varchar",
		"lcp:double=$.a[":    "write it like $.metrics.lcp",
		"stream:varchar=$.s": "data_stream:varchar",
	} {
		_, errs, status := p.beacon("serve", "--listen", "127.0.0.1:0", "--data", p.data, "--column", column)
		if status != 2 || !strings.Contains(errs, says) || strings.Contains(errs, "damaged") {
			t.Errorf("%s: status %d: %s", column, status, errs)
		} else {
			t.Log(errs)
		}
	}
}

func TestSchema_RowThatDoesNotMatch_HasTheReasonInError(t *testing.T) {
	p := newPlace(t)
	file := filepath.Join(t.TempDir(), "order.json")
	if err := os.WriteFile(file, []byte(`{"type":"object","required":["id"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := p.serve("127.0.0.1:0", "--schema", "/orders="+file, "--batch", "/orders")
	s.post("/orders", "application/json", `[{"id":1},{"n":2}]`)
	s.post("/others", "application/json", `{"n":3}`)
	rows := s.query("select coalesce(error, '') as error from beacons order by data->>'id' nulls last, data->>'n'")
	got := ""
	for _, r := range rows {
		got += fmt.Sprintf("%v|", r["error"])
	}
	if got != "|does not match order.json at /: missing property 'id'||" {
		t.Errorf("got %q", got)
	}
}
