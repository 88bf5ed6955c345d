package dashboard

import (
	"strings"
	"testing"
	"time"
)

func TestPanels_EachFile_IsRead(t *testing.T) {
	panels := Panels()
	if len(panels) < 16 {
		t.Errorf("there are %d panels", len(panels))
	}
	for _, p := range panels {
		if strings.Contains(p.SQL, ";") || !strings.Contains(p.SQL, "from v ") && !strings.Contains(p.SQL, "from v\n") {
			t.Errorf("%s is not one SELECT over v", p.Name)
		}
	}
}

func TestParse_FirstLineWrong_ErrorSaysWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "-- TITLE | CHART",
		"select 1 from v":             "-- TITLE | CHART",
		"-- Pages\nselect 1 from v":   "-- TITLE | CHART",
		"-- | line\nselect 1":         "-- TITLE | CHART",
		"-- Pages | pie\nselect 1":    "figures, line, ranked",
		"-- Pages | line\n":           "no SQL",
		"-- a | line | b | c\nselect": "-- TITLE | CHART",
	} {
		if _, err := parse("x", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestParseEqual_OtherColumn_ErrorNamesColumns(t *testing.T) {
	for _, text := range []string{"path", "ip=1", "path) or (1=1", "", "=x"} {
		if _, err := ParseEqual(text); err == nil || !strings.Contains(err.Error(), "utm_source") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if e, err := ParseEqual("path=/a=b"); err != nil || e != (Equal{"path", "/a=b"}) {
		t.Errorf("got %v, %v", e, err)
	}
}

func TestQuery_Values_StayInLiterals(t *testing.T) {
	p := Panel{SQL: "select 1 from v"}
	sql := p.Query(Filter{Stream: "/a'b", Site: "https://x'; drop", From: time.Unix(0, 0), Equal: []Equal{{"path", "' or '1'='1"}}})
	for _, want := range []string{"stream = '/a''b'", "origin = 'https://x''; drop'", "= ''' or ''1''=''1'"} {
		if !strings.Contains(sql, want) {
			t.Errorf("%s is not in %s", want, sql)
		}
	}
}
