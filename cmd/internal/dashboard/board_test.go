package dashboard

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A countingTable answers each query with one row, and notes until when each reads.
type countingTable struct {
	mu      sync.Mutex
	asked   []time.Time
	changed bool
	broken  string        // a query that has this text fails
	takes   time.Duration // for each call of Ask
}

func (t *countingTable) Hold(context.Context) (State, error)           { return t, nil }
func (t *countingTable) Complete() bool                                { return true }
func (t *countingTable) Release()                                      {}
func (t *countingTable) Revision() int64                               { return 1 }
func (t *countingTable) ChangedSince(int64, time.Time, time.Time) bool { return t.changed }

func (t *countingTable) Ask(_ context.Context, _, to time.Time, steps []Step, each func(i int, a *Answer, err error)) error {
	time.Sleep(t.takes)
	for i, step := range steps {
		t.mu.Lock()
		t.asked = append(t.asked, to)
		t.mu.Unlock()
		if t.broken != "" && strings.Contains(step.SQL, t.broken) {
			each(i, nil, errors.New("it is broken"))
			continue
		}
		each(i, &Answer{Columns: []string{"path", "views"}, Rows: [][]any{{"/a", 1.0}}}, nil)
	}
	return nil
}

// take returns how many queries were asked since the last call, and how many of them have no end.
func (t *countingTable) take() (all, open int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, to := range t.asked {
		if to.IsZero() {
			open++
		}
	}
	all = len(t.asked)
	t.asked = nil
	return all, open
}

func newTestBoard(t *testing.T, table Table, panels ...Panel) *Board {
	return New(Options{Panels: panels, Table: table, Stream: "/visits", Zone: func(string) *time.Location { return time.UTC }, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
}

var testPanel = Panel{Name: "pages", Chart: "ranked", Additive: true, SQL: "select path, views from v"}

func days(t *testing.T, b *Board, from string) Filter {
	t.Helper()
	p, err := ParsePeriod(from, "", b.now(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return Filter{Stream: "/visits", Period: p}
}

func TestAsk_AgainInAMinuteAndLater_OnlyTodayIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(20*24*time.Hour + 12*time.Hour) // it is noon, in the middle of a month
		table := &countingTable{takes: 2 * time.Second}
		b := newTestBoard(t, table, testPanel)
		ask := func(wantViews float64) {
			t.Helper()
			var got *Answer
			if err := b.Ask(t.Context(), questions(b.panels, days(t, b, "7d")), func(_ int, a *Answer, err error) { got = a }); err != nil || got == nil || got.Rows[0][1] != wantViews {
				t.Fatalf("got %+v, %v", got, err)
			}
		}
		for i, step := range []struct {
			wait      time.Duration
			all, open int
		}{
			{0, 2, 1}, {0, 0, 0}, {time.Minute, 1, 1},
			{13 * time.Hour, 2, 1}, // 1:00: other days, of which the last is not complete
			{3 * time.Hour, 2, 1},  // it is complete
		} {
			time.Sleep(step.wait)
			ask(2)
			if all, open := table.take(); all != step.all || open != step.open {
				t.Errorf("step %d: %d queries, %d of them open, want %d and %d", i, all, open, step.all, step.open)
			}
		}
		table.changed = true
		ask(2)
		if all, _ := table.take(); all != 1 {
			t.Errorf("after a change of the past: %d queries", all)
		}
	})
}

func TestAsk_QuickAnswerAboutToday_IsUsedForSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(12 * time.Hour)
		table := &countingTable{takes: 20 * time.Millisecond}
		b := newTestBoard(t, table, testPanel, Panel{Name: "other", Chart: "ranked", Additive: true, SQL: "from v"})
		ask := func(panels ...Panel) (all int) {
			b.Ask(t.Context(), questions(panels, days(t, b, "1d")), func(int, *Answer, error) {})
			all, _ = table.take()
			return all
		}
		first := ask(b.panels[0])
		both := ask(b.panels...) // both are queried, so that they have the same beacons
		again := ask(b.panels...)
		time.Sleep(2 * time.Second)
		if later := ask(b.panels...); first != 1 || both != 2 || again != 0 || later != 2 {
			t.Errorf("%d, %d, %d and %d queries", first, both, again, later)
		}
	})
}

func TestAsk_OnePanelFails_OthersAreAnsweredInOrder(t *testing.T) {
	b := newTestBoard(t, &countingTable{broken: "from broken"}, testPanel, Panel{Name: "x", Chart: "table", SQL: "from broken"}, Panel{Name: "y", Chart: "table", SQL: "from v"})
	var got []string
	err := b.Ask(t.Context(), questions(b.panels, days(t, b, "7d")), func(i int, a *Answer, err error) {
		p := b.panels[i]
		text := p.Name + " answered"
		if err != nil {
			text = p.Name + " " + err.Error()
		}
		got = append(got, text)
	})
	if want := "pages answered, x it is broken, y answered"; err != nil || strings.Join(got, ", ") != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestPrepare_AfterTheStart_PresetsAreAnsweredWithoutTheirPastDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(20*24*time.Hour + 12*time.Hour) // 21 January
		table := &countingTable{}
		b := newTestBoard(t, table, testPanel)
		ctx, stop := context.WithCancel(t.Context())
		go b.Prepare(ctx)
		time.Sleep(prepareAfter + time.Second)
		if all, open := table.take(); all != 12 || open != 0 { // for the panel and the list of sites: a part of January for 7 days, parts of two months for 30, three more for 90
			t.Errorf("%d queries were asked ahead, %d of them about today", all, open)
		}
		for _, preset := range presets {
			b.Ask(t.Context(), questions(b.panels, days(t, b, preset)), func(int, *Answer, error) {})
		}
		if all, open := table.take(); all != open || all == 0 {
			t.Errorf("%d queries were asked, only %d of them about today", all, open)
		}
		stop()
		synctest.Wait()
	})
}
