//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package table

import (
	"reflect"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A file of an earlier version has bot, and no bot_reason: a view and a compaction find the same reason.
func TestLaterColumns_FileWithoutReasons_BotHasTheReasonAgent(t *testing.T) {
	h := newHarness(t, Options{})
	bot := record(2)
	bot.Request.Header = append(bot.Request.Header, warc.Field{Name: "User-Agent", Value: "Googlebot/2.1"})
	h.putAndFlush(record(1), bot)
	h.table.mu.Lock()
	file := &h.table.manifest.Files[0]
	file.Columns = slices.DeleteFunc(slices.Clone(file.Columns), func(name string) bool { return name == "country" || name == "bot_reason" })
	h.table.mu.Unlock()

	want := [][]string{{"false", "NULL", "NULL"}, {"true", row.BotAgent, "NULL"}}
	if got := query(t, h.engine(), "select bot, bot_reason, country from beacons order by id"); !reflect.DeepEqual(got, want) {
		t.Errorf("view: got %v, want %v", got, want)
	}

	src, err := openFile(h.tableDir(), file.Name, h.table.layout)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	columns := []int{src.l.bot}
	for i, c := range laterColumns {
		if c.name == "bot_reason" || c.name == "country" {
			src.columns[src.l.later[i]] = -1
			columns = append(columns, src.l.later[i])
		}
	}
	slices.Sort(columns) // bot, bot_reason, country: a file has its columns in this order
	var got [][]string
	for _, g := range src.RowGroups() {
		err := src.rows(g, true, func(rows []parquet.Row) error {
			for _, r := range rows {
				var values []string
				for _, i := range columns {
					text := r[i].String()
					if r[i].IsNull() {
						text = "NULL"
					}
					values = append(values, text)
				}
				got = append(got, values)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("compaction: got %v, want %v", got, want)
	}
}
