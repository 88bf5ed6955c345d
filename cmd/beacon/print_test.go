package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTablePrinter_LineFeedInACell_RowStaysInOneLine(t *testing.T) {
	var out strings.Builder
	p, err := newPrinter("table", &out)
	if err != nil {
		t.Fatal(err)
	}
	p.columns([]string{"stack", "n"})
	for _, cell := range []string{`"a\nb\r\nc\td"`, `"\u001b[31mred"`} {
		if err := p.row([]json.RawMessage{json.RawMessage(cell), json.RawMessage("1")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "stack     n\na⏎b⏎c d   1\n\uFFFD[31mred  1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
