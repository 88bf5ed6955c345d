package query

import (
	"strings"
	"testing"
)

func TestQuoteLine_Positions_HaveCarets(t *testing.T) {
	long := strings.Repeat("x", 60)
	for _, c := range []struct {
		sql  string
		at   int
		want string
	}{
		{"select x", 7, "LINE 1: select x\n               ^"},
		{"select\r\n x\r\nfrom y", 9, "LINE 2:  x\n         ^"},
		{"select é, x", len("select é, "), "LINE 1: select é, x\n                  ^"},
		{"\tx", 1, "LINE 1:  x\n         ^"},
		{long + "y" + long, 60, "LINE 1: ..." + long[:40] + "y" + long[:39] + "...\n" + strings.Repeat(" ", 51) + "^"},
		{"select 1\n", 8, "LINE 1: select 1\n                ^"},
		{"é", 1, "LINE 1: ??\n         ^"},
	} {
		if got := quoteLine(c.sql, c.at); got != c.want {
			t.Errorf("%q at %d\ngot\n%s\nwant\n%s", c.sql, c.at, got, c.want)
		}
	}
}

func TestEngineError_Texts_HaveKinds(t *testing.T) {
	for _, c := range []struct{ text, kind, want string }{
		{`{"exception_type":"Binder","exception_message":"no x","position":"7"}`, kindSQL, "Binder Error: no x\n\nLINE 1: select x\n               ^"},
		{`Parser Error: {"exception_type":"Parser","exception_message":"at end"}`, kindSQL, "Parser Error: at end"},
		{`{"exception_type":"Binder","exception_message":"no x","position":"700"}`, kindSQL, "Binder Error: no x"},
		{`{"exception_type":"Binder","exception_message":"no x","position":"-1"}`, kindSQL, "Binder Error: no x"},
		{`{"exception_type":"Out of Memory","exception_message":"failed to pin block"}`, kindMemory, ""},
		{`{"exception_type":"Invalid","exception_message":"std::bad_alloc"}`, kindMemory, ""},
		{`{}`, kindMemory, ""},
		{``, kindMemory, ""},
		{`{"exception_type":"Interrupt","exception_message":"Interrupted!"}`, kindTime, ""},
		{`some text {`, kindSQL, "some text {"},
	} {
		e := parseEngineError(c.text)
		if got := e.kind(); got != c.kind {
			t.Errorf("%s: got kind %s, want %s", c.text, got, c.kind)
		}
		if got := e.render("select x"); c.want != "" && got != c.want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
}
