package dashboard

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const (
	maxSteps = 8   // of a funnel
	maxGoals = 100 // goals and funnels
)

// A step is a page that is viewed or an event that is sent.
type step struct {
	text string // as it was written
	sql  string // of the events: FROM and WHERE
}

type goal struct {
	name  string
	steps []step
}

// ParseGoals reads goals and funnels, one a line, and returns their panels:
//
//	# comment
//	goal Sign-up = event signup
//	goal Contact = path /contact/thanks
//	funnel Buy = path /cart > path /checkout/* > event paid
//
// A path that ends in * stands for all that begin so. A funnel has two to eight steps.
func ParseGoals(r io.Reader) ([]Panel, error) {
	var goals, funnels []goal
	names := map[string]bool{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		kind, rest, _ := strings.Cut(line, " ")
		name, text, ok := strings.Cut(rest, "=")
		g := goal{name: strings.TrimSpace(name)}
		if !ok || g.name == "" || strings.ContainsRune(line, 0) || kind != "goal" && kind != "funnel" {
			return nil, fmt.Errorf("line %d: %q: write goal NAME = path /thanks, goal NAME = event signup, or funnel NAME = STEP > STEP", n, line)
		}
		if names[kind+g.name] {
			return nil, fmt.Errorf("line %d: there is a %s %s already: give this one another name", n, kind, g.name)
		}
		names[kind+g.name] = true
		if len(names) > maxGoals {
			return nil, fmt.Errorf("line %d: there are more than %d goals and funnels: leave some out", n, maxGoals)
		}
		for _, part := range strings.Split(text, " > ") {
			s, err := parseStep(strings.TrimSpace(part))
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			g.steps = append(g.steps, s)
		}
		switch {
		case kind == "goal" && len(g.steps) > 1:
			return nil, fmt.Errorf("line %d: a goal has one step: write funnel for several", n)
		case kind == "funnel" && (len(g.steps) < 2 || len(g.steps) > maxSteps):
			return nil, fmt.Errorf("line %d: the funnel has %d steps: write two to %d, with > between them", n, len(g.steps), maxSteps)
		case kind == "goal":
			goals = append(goals, g)
		default:
			funnels = append(funnels, g)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	var panels []Panel
	if len(goals) > 0 {
		panels = append(panels, goalsPanel(goals), goalSourcesPanel(goals))
	}
	for i, f := range funnels {
		panels = append(panels, f.funnelPanel(i))
	}
	return panels, nil
}

func parseStep(text string) (step, error) {
	kind, value, _ := strings.Cut(text, " ")
	value = strings.TrimSpace(value)
	s := step{text: value}
	switch prefix, all := strings.CutSuffix(value, "*"); {
	case kind == "event" && value != "":
		s.sql = "from named where name = " + literal(value)
	case kind == "path" && strings.HasPrefix(value, "/") && all:
		s.sql = "from pages where weight is not null and starts_with(path, " + literal(prefix) + ")"
	case kind == "path" && strings.HasPrefix(value, "/"):
		s.sql = "from pages where weight is not null and path = " + literal(value)
	default:
		return s, fmt.Errorf("the step %q: write path and a path, such as path /thanks or path /shop/*, or event and its name", text)
	}
	return s, nil
}

// reached is the SQL of the events of all goals, with the goal's name.
func reached(goals []goal) string {
	var parts []string
	for _, g := range goals {
		parts = append(parts, fmt.Sprintf("select %s as goal, visitor, weight %s and visitor is not null", literal(g.name), g.steps[0].sql))
	}
	return strings.Join(parts, "\n  union all ")
}

// names is the SQL of a table of the goals' names. A goal without visitors has a row too, so that answers can be added.
func names(goals []goal) string {
	var list []string
	for _, g := range goals {
		list = append(list, "("+literal(g.name)+")")
	}
	return "(values " + strings.Join(list, ", ") + ") goals(goal)"
}

func goalsPanel(goals []goal) Panel {
	return Panel{Name: "goals", Title: "Goals", Chart: "ranked", Additive: true, SQL: `select goal, count(distinct visitor) as visitors, coalesce(sum(weight), 0) as conversions,
  ratio(count(distinct visitor), (select count(distinct visitor) from views where weight is not null)) as rate
from ` + names(goals) + ` left join (` + reached(goals) + `) using (goal) group by goal`}
}

// goalSourcesPanel counts a visitor for each source that the visitor came from on the day.
func goalSourcesPanel(goals []goal) Panel {
	return Panel{Name: "goalsources", Title: "Goals by source", Chart: "ranked", Link: "source", Additive: true, SQL: `with sources as (
  select distinct visitor, coalesce(utm_source, source, 'direct') as source from entries where visitor is not null
), totals as (
  select source, count(*) as visitors from sources group by source
), reached as (
  select distinct goal, visitor from (` + reached(goals) + `)
)
select source, goal, count(reached.visitor) as visitors, ratio(count(reached.visitor), any_value(totals.visitors)) as rate
from sources cross join ` + names(goals) + ` join totals using (source) left join reached using (goal, visitor) group by source, goal`}
}

// funnelPanel counts the visitors who did the steps in order on one day.
func (g goal) funnelPanel(i int) Panel {
	var with, rows []string
	for n, s := range g.steps {
		from := "(select visitor, local " + s.sql + " and visitor is not null)"
		if n > 0 {
			from = fmt.Sprintf("%s join step%d using (visitor) where local >= step%[2]d.at", from, n)
		}
		with = append(with, fmt.Sprintf("step%d as (select visitor, min(local) as at from %s group by visitor)", n+1, from))
		rows = append(rows, fmt.Sprintf("select %s as step, (select count(*) from step%d) as visitors, ratio((select count(*) from step%[2]d), (select count(*) from step1)) as rate",
			literal(fmt.Sprintf("%d. %s", n+1, s.text)), n+1))
	}
	return Panel{Name: fmt.Sprintf("funnel-%d", i+1), Title: "Funnel: " + g.name, Chart: "ranked", Additive: true,
		SQL: "with " + strings.Join(with, ",\n") + "\n" + strings.Join(rows, "\nunion all ")}
}
