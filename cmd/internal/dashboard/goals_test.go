package dashboard

import (
	"slices"
	"strings"
	"testing"
)

func TestParseGoals_GoalsAndFunnels_ArePanels(t *testing.T) {
	panels, err := ParseGoals(strings.NewReader("# ours\n\ngoal Sign-up = event signup\ngoal Shop=path /shop/*\nfunnel Buy now = path /cart > event it's paid\n"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range panels {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "goals goalsources funnel-1" {
		t.Errorf("the panels are %s", got)
	}
	for i, want := range []string{"starts_with(path, '/shop/')", "name = 'signup'", "name = 'it''s paid'"} {
		if !strings.Contains(panels[i].SQL, want) {
			t.Errorf("%s is not in %s", want, panels[i].SQL)
		}
	}
	if panels[2].Title != "Funnel: Buy now" {
		t.Errorf("the title is %q", panels[2].Title)
	}
	all, err := Panels("", panels...)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(p Panel) bool { return p.Name == "goals" })
	if at < 0 || all[at-1].Name != "bots" || all[at+2].Name != "funnel-1" || all[at+3].Name != "vitals" {
		t.Errorf("the goals are in place %d", at)
	}
}

func TestParseGoals_WrongLine_ErrorSaysWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"goal":                       "line 1",
		"\ngoal x":                   "line 2",
		"aim x = path /a":            "write goal NAME",
		"goal = path /a":             "write goal NAME",
		"goal x = /a":                "write path and a path",
		"goal x = path a":            "write path and a path",
		"goal x = event":             "event and its name",
		"goal x = path /a > path /b": "write funnel",
		"funnel x = path /a":         "two to 8",
		"funnel x = " + strings.Repeat("path /a > ", 8) + "path /b": "two to 8",
	} {
		if _, err := ParseGoals(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
