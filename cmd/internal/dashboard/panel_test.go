package dashboard

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPanels_EachFile_IsRead(t *testing.T) {
	panels, err := Panels("")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range panels {
		names = append(names, p.Name)
		if strings.Contains(p.SQL, ";") || !regexp.MustCompile(`\bfrom (v|views|pages|entries|events|named|received)\b`).MatchString(p.SQL) {
			t.Errorf("%s is not one SELECT over a part", p.Name)
		}
		if !slices.Contains(order, p.Name) {
			t.Errorf("%s has no place in order", p.Name)
		}
	}
	if len(names) < 16 || names[0] != "headline" {
		t.Errorf("the panels are %q", names)
	}
}

func TestPanels_OwnFolder_ReplacesAndAdds(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Panels(dir); err == nil || !strings.Contains(err.Error(), "no file that ends in .sql") {
		t.Errorf("an empty folder: got %v", err)
	}
	write("pages.sql", "-- My pages | table\nselect path from v")
	write("zebra.sql", "-- Zebra | ranked | path | additive\nselect path, count(*) as n from v group by path;\n")
	write("notes.txt", "not a panel")
	panels, err := Panels(dir)
	if err != nil {
		t.Fatal(err)
	}
	last := panels[len(panels)-1]
	if last.Name != "zebra" || !last.Additive || last.Link != "path" || strings.HasSuffix(last.SQL, ";") {
		t.Errorf("the last panel is %+v", last)
	}
	pages := slices.DeleteFunc(panels, func(p Panel) bool { return p.Name != "pages" })
	if len(pages) != 1 || pages[0].Title != "My pages" || pages[0].Additive {
		t.Errorf("pages are %+v", pages)
	}
	write("broken.sql", "select 1")
	if _, err := Panels(dir); err == nil || !strings.Contains(err.Error(), "broken.sql") {
		t.Errorf("a broken file: got %v", err)
	}
	if _, err := Panels(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing folder is no error")
	}
}

func TestParse_FirstLineWrong_ErrorSaysWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "-- TITLE | CHART",
		"select 1 from v":             "-- TITLE | CHART",
		"-- Pages\nselect 1 from v":   "-- TITLE | CHART",
		"-- | line\nselect 1":         "-- TITLE | CHART",
		"-- Pages | pie\nselect 1":    "figures, line",
		"-- Pages | line\n":           "no SQL",
		"-- a | line | b | c\nselect": "-- TITLE | CHART",
		"-- a | line | ip\nselect":    "one of path",
	} {
		if _, err := parse("x", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestQuery_Values_StayInLiterals(t *testing.T) {
	p := Panel{SQL: "select 1 from v"}
	sql := p.Query(Filter{Stream: "/a'b", Site: "https://x'; drop", Period: Period{From: time.Unix(0, 0).UTC()}, Equal: []Equal{{"path", "' or '1'='1"}}})
	for _, want := range []string{"stream = '/a''b'", "origin = 'https://x''; drop'", "= ''' or ''1''=''1'"} {
		if !strings.Contains(sql, want) {
			t.Errorf("%s is not in %s", want, sql)
		}
	}
}
