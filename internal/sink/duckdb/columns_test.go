//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// reopen opens the table again with other columns.
func (b *bench) reopen(columns ...string) {
	b.Helper()
	b.closeDB()
	b.openDB(columns...)
}

func (b *bench) columns(texts ...string) (columns []Column) {
	b.Helper()
	for _, text := range texts {
		c, err := ParseColumn(text)
		if err != nil {
			b.Fatal(err)
		}
		columns = append(columns, c)
	}
	return columns
}

func (b *bench) fill() {
	b.Helper()
	if err := b.db.FillColumns(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// stored puts bodies of JSON into the table.
func (b *bench) stored(bodies ...string) {
	b.Helper()
	stop := b.drain()
	defer stop()
	for i, body := range bodies {
		b.put(record(i, "application/json", body))
	}
	b.caughtUp()
}

var everyType = []string{"value:double", "n:BIGINT", "yes:boolean=/flags/yes", "plan:varchar=$.plans[0].name"}

const allFields = `{"value":1.5,"n":9007199254740993,"flags":{"yes":true},"plans":[{"name":"a \u0027plan\u0027"}]}`

const allValues = "1.5 | 9007199254740993 | true | a 'plan'"

// fields are the columns' values as text; the query's own way of writing is not the matter.
const fields = "select value::varchar, n::varchar, yes::varchar, plan from beacons order by id"

const none = "NULL | NULL | NULL | NULL"

// noFields has no field of that type anywhere.
var noFields = []string{
	`{"value":"fast","n":1.0e30,"flags":{"yes":"perhaps"},"plans":{"name":"x"}}`,
	`{}`, `null`, `[]`, `"value"`, `17`, `{"value":null,"n":{},"flags":[true],"plans":[]}`,
	`{"value":"\ud800"}`, `{"value":`,
}

func TestAFieldHasAColumnOfItsOwn(t *testing.T) {
	b := newBench(t)
	b.reopen(everyType...)
	b.stored(append([]string{allFields}, noFields...)...)
	b.want(fields, allValues+strings.Repeat("\n"+none, len(noFields)))
	b.want("select count(*) from beacons where error is null or data is null", fmt.Sprint(1+len(noFields)))
	b.want("select column_type from (describe beacons) where column_name in ('value', 'n', 'yes', 'plan')",
		"DOUBLE\nBIGINT\nBOOLEAN\nVARCHAR")
}

func TestRowsThatWereThereAreFilled(t *testing.T) {
	b := newBench(t)
	b.stored(append([]string{allFields}, noFields...)...)
	b.reopen(everyType...)
	b.want(fields, none+strings.Repeat("\n"+none, len(noFields)))
	b.fill()
	want := allValues + strings.Repeat("\n"+none, len(noFields))
	b.want(fields, want)
	b.reopen(everyType...)
	b.want(fields, want)
	b.want("select sum(unfilled)::varchar from data_columns", "0")
}

func TestAnEmptyTableHasNothingToFill(t *testing.T) {
	b := newBench(t)
	b.reopen("value:double")
	b.fill()
	b.want("select count(*), count(value) from beacons", "0 | 0")
}

// Without the appender it is another statement. Of equal ids the first counts.
func TestARowThatIsStoredAloneHasItsColumns(t *testing.T) {
	b := newBench(t)
	b.reopen("value:double", `odd:varchar=$."from batch"`)
	d := drain{db: b.db, in: b.in}
	defer d.leave()
	for _, limit := range []int{1, maxRows} {
		for n := range 3 {
			b.put(record(n, "application/json", fmt.Sprintf(`{"value":%d,"from batch":"x"}`, n+10*limit)))
			d.limit = limit
			if err := d.step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.want("select value::int::varchar, odd from beacons order by id", "10 | x\n11 | x\n12 | x")
}

const (
	manyRows = 3*fillRows + 1000
	correct  = "select count(*), count(value), count(*) filter (value = (data->>'value')::double) from beacons"
)

func TestFillingGoesOnWhereItWasCutOff(t *testing.T) {
	b := newBench(t)
	b.numbered(manyRows, "", dayOne)
	b.reopen("value:double")
	if _, _, err := b.db.fillStep(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want(correct, fmt.Sprintf("%d | %d | %[2]d", manyRows, fillRows))

	ended, end := context.WithCancel(t.Context())
	end()
	if err := b.db.FillColumns(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.want(correct, fmt.Sprintf("%d | %d | %[2]d", manyRows, fillRows))

	// As if the process had been killed here; and then rows come that have their values.
	killed := filepath.Join(t.TempDir(), "beacons.duckdb")
	for _, suffix := range []string{"", ".wal"} {
		text, err := os.ReadFile(b.db.path + suffix)
		if err == nil {
			err = os.WriteFile(killed+suffix, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b.db.Close()
	db, err := Open(killed, b.columns("value:double", "twice:bigint=$.value")...)
	if err != nil {
		t.Fatal(err)
	}
	db.Log = b.db.Log
	b.db = db
	b.stored(`{"value":-1}`)
	b.want(correct, fmt.Sprintf("%d | %d | %[2]d", manyRows+1, fillRows+1))
	b.fill()
	b.want(correct, fmt.Sprintf("%d | %[1]d | %[1]d", manyRows+1))
	b.want("select count(*) from beacons where twice = value", fmt.Sprint(manyRows+1))
}

// A checkpoint gives rows lower numbers where others were deleted.
func TestRowsThatGoWhileColumnsAreFilledDontMatter(t *testing.T) {
	b := newBench(t)
	b.numbered(manyRows, "", dayOne)
	b.reopen("value:double")
	if _, _, err := b.db.fillStep(t.Context()); err != nil {
		t.Fatal(err)
	}
	const gone = 100_000
	if _, err := b.db.deleteBefore(t.Context(), dayOne.Add(gone*time.Millisecond), false); err != nil {
		t.Fatal(err)
	}
	b.want("select count(*) < "+fmt.Sprint(manyRows-gone/2)+" from beacons where rowid < "+fmt.Sprint(manyRows), "%!s(bool=true)")
	b.fill()
	b.want(correct, fmt.Sprintf("%d | %[1]d | %[1]d", manyRows-gone))
}

func TestFillingWaitsForAQueryNowAndThen(t *testing.T) {
	b := newBench(t)
	b.numbered((fillSteps+1)*fillRows, "", dayOne)
	b.reopen("value:double")
	rows, err := b.db.Query(t.Context(), "from beacons limit 10")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.db.FillColumns(t.Context()) }()
	waits := func(most time.Duration) {
		select {
		case err := <-ended:
			t.Fatalf("it did not wait: %v", err)
		case <-time.After(most):
		}
	}
	for unfilled := fillRows + 1; unfilled > fillRows; waits(10 * time.Millisecond) {
		if err := b.db.pool.QueryRow("select max(unfilled) from data_columns").Scan(&unfilled); err != nil {
			t.Fatal(err)
		}
	}
	waits(500 * time.Millisecond) // the last step takes less
	rows.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	b.want(correct, fmt.Sprintf("%d | %[1]d | %[1]d", (fillSteps+1)*fillRows))
}

func TestTheColumnsAreThoseThatAreDeclared(t *testing.T) {
	b := newBench(t)
	b.stored(`{"value":1.5,"other":2}`)
	if _, err := b.db.pool.Exec("alter table beacons add column mine varchar; update beacons set mine = 'kept'"); err != nil {
		t.Fatal(err)
	}
	const added = "select string_agg(column_name || ' ' || column_type, ', ') from (describe beacons) where column_name not in ('mine')"
	was := b.ask(added)
	for _, c := range []struct{ columns, added, query, want string }{
		{"value:double", ", value DOUBLE", "select value::varchar, mine from beacons", "1.5 | kept"},
		{"value:varchar", ", value VARCHAR", "select value, mine from beacons", "1.5 | kept"},
		{"value:varchar=$.other", ", value VARCHAR", "select value, mine from beacons", "2 | kept"},
		{"Value:varchar=$.other", ", Value VARCHAR", "select value, mine from beacons", "2 | kept"},
		{"a:bigint=$.other Value:varchar=$.other", ", Value VARCHAR, a BIGINT", "select a, value from beacons", "2 | 2"},
		{"", "", "select mine from beacons", "kept"},
		{"value:bigint=/other", ", value BIGINT", "select value, mine from beacons", "2 | kept"},
	} {
		b.reopen(strings.Fields(c.columns)...)
		b.fill()
		b.want(added, was+c.added)
		b.want(c.query, c.want)
	}
	// What is somebody's own is not touched, whatever is declared.
	b.closeDB()
	if _, err := Open(b.db.path, b.columns("Mine:double")...); !errors.Is(err, ErrColumn) {
		t.Error(err)
	}
	b.reopen("value:bigint=/other")
	b.put(record(7, "application/json", `{"other":7}`))
	b.drain()
	b.caughtUp()
	b.want("select value, mine from beacons order by value", "2 | kept\n7 | NULL")
}

func TestAColumnThatSomebodyTookAwayIsMadeAgain(t *testing.T) {
	b := newBench(t)
	b.reopen("value:bigint")
	b.stored(`{"value":2}`)
	if _, err := b.db.pool.Exec("alter table beacons drop column value"); err != nil {
		t.Fatal(err)
	}
	b.reopen("value:bigint")
	b.fill()
	b.want("select value from beacons", "2")
}

func TestWhatIsRescuedFromADeletionHasItsColumns(t *testing.T) {
	b := newBench(t)
	b.numbered(30_000, "", dayOne)
	b.reopen("value:double")
	// Even where nothing is filled yet.
	if err := b.db.forget(t.Context(), b.in, time.Hour, dayOne.Add(time.Hour+20*time.Second)); err != nil {
		t.Fatal(err)
	}
	b.want(correct, "10000 | 10000 | 10000")
	b.fill()
	b.want(correct, "10000 | 10000 | 10000")
}

// A value is in body and data, in the column, and in the one that was dropped.
func TestWhatIsDeletedCantBeFoundInAColumnEither(t *testing.T) {
	b := newBench(t)
	b.uncompressed()
	b.numbered(50_000, "OLD BEACON is long enough ", dayOne)
	b.numbered(50_000, "NEW BEACON is long enough ", dayOne.Add(48*time.Hour))
	for _, column := range []string{"b:varchar=$.text", "text:varchar"} {
		b.uncompressed(column)
		b.fill()
	}
	if _, err := b.db.pool.Exec("checkpoint"); err != nil {
		t.Fatal(err)
	}
	if n := b.times("OLD BEACON"); n < 200_000 {
		t.Fatalf("they are there only %d times: this would show nothing", n)
	}
	if err := b.db.forget(t.Context(), b.in, 24*time.Hour, dayOne.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := b.times("OLD BEACON"); n > fragments {
		t.Errorf("deleted beacons can be found %d times", n)
	}
	if n := b.times("NEW BEACON"); n < 150_000 {
		t.Errorf("the other beacons are there %d times", n)
	}
	b.want("select count(*), count(*) filter (text = (data->>'text')) from beacons", "50000 | 50000")
}

func TestExportsHaveTheColumns(t *testing.T) {
	b := newBench(t)
	b.reopen(everyType...)
	b.stored(allFields, `{"value":"NaN","at":"infinity"}`, `{"value":"-inf","at":"0044-03-15 (BC) 00:00:00+00"}`, `{}`)
	text, err := os.ReadFile(b.export(JSON))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range b.rows("from beacons") {
		want, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if got := object(t, []byte(strings.Split(string(text), "\n")[i])); got != object(t, want) {
			t.Errorf("row %d\ngot  %s\nwant %s", i+1, got, want)
		}
	}
	if text, err = os.ReadFile(b.export(CSV)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if !strings.HasSuffix(lines[0], ",bot,value,n,yes,plan") || !strings.HasSuffix(lines[1], ",false,1.5,9007199254740993,true,a 'plan'") {
		t.Errorf("%s", text)
	}
	other, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var got string
	if err := other.QueryRow(`select string_agg(concat_ws(' | ', value, n, yes, plan), ', ' order by id) from '` + b.export(Parquet) + `'`).Scan(&got); err != nil {
		t.Fatal(err)
	}
	b.want("select string_agg(concat_ws(' | ', value, n, yes, plan), ', ' order by id) from beacons", got)
}

func TestAColumnThatCantBeIsRefused(t *testing.T) {
	for text, says := range map[string]string{
		"":                                  "value:double",
		"value":                             "value:double",
		"value=$.x":                         "value:double",
		":double":                           "letters",
		"1st:double":                        "letters",
		"a b:double":                        "letters",
		"größe:double":                      "letters",
		`a":double`:                         "letters",
		strings.Repeat("a", 64) + ":double": "63",
		"ID:varchar":                        "data_ID:varchar=$.ID",
		"bot:boolean":                       "data_bot:",
		"rowid:bigint":                      "data_rowid:",
		"value:":                            "write double, bigint",
		"value:float":                       "write double, bigint",
		"value:double=":                     "$ or /",
		"value:double=metrics.value":        "value:double=$.metrics.value",
	} {
		if _, err := ParseColumn(text); !errors.Is(err, ErrColumn) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	b := newBench(t)
	b.reopen("kept:double")
	b.stored(`{"kept":1}`)
	b.closeDB()
	for texts, says := range map[string]string{
		"a:double A:bigint": "twice",
		"b:double=$.a[":     "$.metrics.lcp",
		"b:double=$.":       "$.metrics.lcp",
		"b:varchar=$.a[*]":  "of many fields",
		"b:varchar=$..a":    "of many fields",
	} {
		if _, err := Open(b.db.path, b.columns(strings.Fields(texts)...)...); !errors.Is(err, ErrColumn) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", texts, err)
		}
	}
	// Nothing was changed: the column is there still, and filled.
	b.reopen("kept:double")
	b.want("select count(kept) from beacons", "1")
}

func TestAPathWithAQuoteIsNoSQL(t *testing.T) {
	b := newBench(t)
	paths := []string{`a:varchar=$."it's"`, `b:varchar=/x'); drop table beacons; --`, `c:varchar=$."%s %d"`}
	b.stored(`{"it's":"1","x'); drop table beacons; --":"2","%s %d":"3"}`)
	b.reopen(paths...)
	b.fill()
	b.put(record(7, "application/json", `{"it's":"4","x'); drop table beacons; --":"5","%s %d":"6"}`))
	b.drain()
	b.caughtUp()
	b.want("select a, b, c from beacons order by id", "1 | 2 | 3\n4 | 5 | 6")
}
