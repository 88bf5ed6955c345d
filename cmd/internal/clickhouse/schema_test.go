package clickhouse

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
)

// declared parses a declared column.
func declared(t *testing.T, text string) table.Column {
	t.Helper()
	c, err := table.ParseColumn(text, table.OwnColumns())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOwnColumns_AreThoseOfTheParquetTable(t *testing.T) {
	var have []string
	for _, c := range ownColumns {
		have = append(have, c.name)
	}
	if want := table.OwnColumns(); !slices.Equal(have, want) {
		t.Errorf("the columns are %v, want %v", have, want)
	}
}

func TestNewSchema_NameOfALogColumn_IsAnError(t *testing.T) {
	_, err := newSchema([]table.Column{declared(t, "Log_Offset:bigint")})
	if !errors.Is(err, table.ErrColumn) {
		t.Errorf("newSchema returned %v, want ErrColumn", err)
	}
}

func TestView_EachType_HasTheValue(t *testing.T) {
	h := newHarness(t, 1)
	columns := []table.Column{declared(t, "d:double"), declared(t, "n:bigint"), declared(t, "yes:boolean"), declared(t, "s:varchar"), declared(t, "at:timestamp")}
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	h.produce(0,
		beacon{at: at, body: `{"i":1,"d":1.5,"n":-7,"yes":true,"s":"ä'\\\"\n\u0000","at":"2026-01-02T03:04:05.5Z"}`, stream: "/a'b\\c?q=1"},
		beacon{at: at, body: `{"i":2}`}, beacon{at: at, body: "\x00\xff"})
	s := h.start(func(o *Options) { o.Columns = columns })
	s.await(3)
	tests := []struct{ query, want string }{
		{"SELECT d, n, yes, hex(s), at FROM db.beacons WHERE d > 0", "1.5|-7|true|C3A4275C220A00|2026-01-02 03:04:05.500000"},
		{"SELECT d, n, yes, s, at FROM db.beacons WHERE JSONExtractInt(data, 'i') = 2", `\N|\N|\N|\N|\N`},
		{"SELECT stream, query, received_at, kind, bot, browser, os, origin FROM db.beacons WHERE d > 0", `/a\'b\\c|q=1|2026-03-04 05:06:07.123456|json|false|Firefox|Linux|\N`},
		{"SELECT body = data FROM db.beacons WHERE JSONExtractInt(data, 'i') = 2", "1"},
		{"SELECT hex(body), data, kind FROM db.beacons WHERE data IS NULL", `00FF|\N|json`},
		{"SELECT groupArray(name) FROM (SELECT name FROM system.columns WHERE database = 'db' AND table = 'beacons' ORDER BY position)",
			`['` + strings.Join(append(table.OwnColumns(), "d", "n", "yes", "s", "at"), `','`) + `']`},
	}
	for _, test := range tests {
		rows := h.Query(test.query)
		if len(rows) != 1 || strings.Join(rows[0], "|") != test.want {
			t.Errorf("%s: %v, want %s", test.query, rows, test.want)
		}
	}
}

func TestView_RandomBodyOf1MiB_IsAsItCame(t *testing.T) {
	h := newHarness(t, 1)
	body := make([]byte, 1<<20)
	rand.Read(body)
	h.produce(0, beacon{body: string(body)})
	s := h.start()
	s.await(1)
	if have := h.Query("SELECT hex(body) FROM db.beacons")[0][0]; have != strings.ToUpper(hex.EncodeToString(body)) {
		t.Errorf("the body has %d bytes and differs", len(have)/2)
	}
}

func TestPrepare_NewColumn_IsAdded(t *testing.T) {
	h := newHarness(t, 1)
	h.produce(0, beacon{body: `{"lcp":1}`})
	s := h.start()
	s.await(1)
	s.stop()
	h.produce(0, beacon{body: `{"lcp":2}`})
	s = h.start(func(o *Options) { o.Columns = []table.Column{declared(t, "lcp:double")} })
	s.await(1)
	rows := h.Query("SELECT JSONExtractInt(data, 'lcp'), lcp FROM db.beacons ORDER BY 1")
	if len(rows) != 2 || rows[0][1] != `\N` || rows[1][1] != "2" {
		t.Errorf("the rows are %v, want NULL in the old row and 2 in the new one", rows)
	}
}

func TestPrepare_WhatItCannotUse_EndsRunWithAHint(t *testing.T) {
	h := newHarness(t, 1)
	s := h.start()
	h.produce(0, numbered(0, 1)...)
	s.await(1)
	s.stop()
	tests := []struct{ change, undo, want string }{
		{"ALTER TABLE db.beacons_raw ADD COLUMN lcp Nullable(String)", "ALTER TABLE db.beacons_raw DROP COLUMN lcp", "column lcp of db.beacons_raw is Nullable(String), and has to be Nullable(Float64)"},
		{"CREATE OR REPLACE VIEW db.beacons AS SELECT 1", "DROP VIEW db.beacons", "db.beacons exists, and this command did not make it"},
		{"DROP TABLE db.beacons_raw", "SELECT 1", ""},
		{"CREATE TABLE db.beacons_raw2 (a Int8) ENGINE = MergeTree ORDER BY a", "SELECT 1", ""},
		{"EXCHANGE TABLES db.beacons_raw AND db.beacons_raw2", "SELECT 1", "has the engine MergeTree"},
	}
	for _, test := range tests {
		h.Query(test.change)
		s := h.start(func(o *Options) { o.Columns = []table.Column{declared(t, "lcp:double")} })
		if test.want == "" {
			s.awaitStarted()
			s.stop()
			continue
		}
		err := <-s.ended
		var schema *SchemaError
		if !errors.As(err, &schema) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "hint: ") {
			t.Errorf("%s: Run returned %v, want %q and a hint", test.change, err, test.want)
		}
		h.Query(test.undo)
	}
}
