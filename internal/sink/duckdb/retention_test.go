//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var dayOne = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)

// marker is in the body of beacon number n, and nowhere else.
func marker(n int) string {
	b := sha256.Sum256(fmt.Append(nil, "marker", n))
	return mark + string(b[:20])
}

const mark = "MARK"

// uncompressed opens the table again, with an engine that compresses nothing, so that what it
// writes can be found.
func (b *bench) uncompressed(columns ...string) {
	b.Helper()
	b.closeDB()
	b.openWith(map[string]string{"force_compression": "uncompressed"}, columns...)
}

// days fills the table with so many beacons a day for so many days.
func (b *bench) days(days, each int) {
	b.Helper()
	b.drain()
	n := 0
	for day := range days {
		for n < (day+1)*each {
			var buf []byte
			for range 1000 {
				r := record(n, "application/octet-stream", marker(n)+fmt.Sprint(" ", n))
				r.Date = dayOne.Add(time.Duration(day)*24*time.Hour + time.Duration(n%each)*time.Millisecond)
				buf = append(buf, encode(b, r)...)
				n++
			}
			if err := b.in.Append(buf); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.caughtUp()
}

// found is how many of the markers are in any of the database's files.
func (b *bench) found(from, to int) (found int) {
	b.Helper()
	files, err := filepath.Glob(b.db.path + "*")
	if err != nil {
		b.Fatal(err)
	}
	markers := map[string]bool{}
	for n := from; n < to; n++ {
		markers[marker(n)] = true
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a folder
		}
		for {
			i := bytes.Index(text, []byte(mark))
			if i < 0 || i+24 > len(text) {
				break
			}
			if m := string(text[i : i+24]); markers[m] {
				delete(markers, m)
				found++
			}
			text = text[i+4:]
		}
	}
	return found
}

func TestOldBeaconsCantBeFound(t *testing.T) {
	b := newBench(t)
	b.uncompressed()
	b.days(6, 50_000)
	if _, err := b.db.pool.Exec("checkpoint"); err != nil {
		t.Fatal(err)
	}
	if n := b.found(0, 300_000); n < 300_000 {
		t.Fatalf("only %d beacons can be found: this would show nothing", n)
	}
	now := dayOne.Add(8 * 24 * time.Hour)
	for _, age := range []int{30, 5, 5, 3, 1} { // days
		if err := b.db.forget(t.Context(), b.in, time.Duration(age)*24*time.Hour, now); err != nil {
			t.Fatal(err)
		}
		gone := min(max(0, 8-age), 6) * 50_000
		if n := b.found(0, gone); n > 0 {
			t.Errorf("%d days: %d of %d deleted beacons can be found", age, n, gone)
		}
		b.want("select count(*), count(distinct id) from beacons", fmt.Sprintf("%d | %d", 300_000-gone, 300_000-gone))
		if n := b.found(gone, 300_000); n < 300_000-gone {
			t.Errorf("%d days: %d of the other beacons are lost", age, 300_000-gone-n)
		}
	}
	b.want("select count(*) from duckdb_schemas() where schema_name = 'erased'", "0")
}

// What was under way when the process died is done with the next time.
func TestErasingGoesOnAfterAKill(t *testing.T) {
	b := newBench(t)
	b.uncompressed()
	b.days(4, 50_000)
	if _, err := b.db.deleteBefore(t.Context(), dayOne.Add(24*time.Hour), true); err != nil {
		t.Fatal(err)
	}
	if n := b.found(0, 50_000); n == 0 {
		t.Fatal("what is deleted is gone already: this would show nothing")
	}
	if err := b.db.forget(t.Context(), b.in, 72*time.Hour, dayOne.Add(96*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := b.found(0, 50_000); n > 0 {
		t.Errorf("%d deleted beacons can be found", n)
	}
}

// numbered puts rows into the table, by the engine alone: each has the text and a number in
// its body, and in data.
func (b *bench) numbered(rows int, text string, at time.Time) {
	b.Helper()
	const step = 8 << 10 // less than a row group, as Drain does it
	for n := 0; n < rows; n += step {
		_, err := b.db.pool.Exec(fmt.Sprintf(`insert into beacons by name select uuid() as id, '%s'::timestamptz + to_milliseconds(i) as received_at, '/n' as stream,
			'json' as kind, ('%s' || i)::blob as body, json_object('value', i, 'text', '%[2]s' || i) as data from range(%d, %d) t(i)`, at.Format(time.RFC3339), text, n, min(rows, n+step)))
		if err != nil {
			b.Fatal(err)
		}
	}
}

// fragments is how often a text may be found though its rows are gone. Where strings take more
// than four fifths of a block, the engine writes what its buffer had before into the rest.
const fragments = 3

// times is how often the text is in the database's files.
func (b *bench) times(text string) (n int) {
	b.Helper()
	for _, suffix := range []string{"", ".wal"} {
		content, err := os.ReadFile(b.db.path + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			b.Fatal(err)
		}
		n += bytes.Count(content, []byte(text))
	}
	return n
}

// The blocks of short values are shared by row groups, of which some stay.
func TestOldBeaconsCantBeFoundInBlocksOfOthers(t *testing.T) {
	b := newBench(t)
	b.uncompressed()
	b.numbered(50_000, "OLD BEACON", dayOne)
	b.numbered(50_000, "NEW BEACON", dayOne.Add(48*time.Hour))
	if _, err := b.db.pool.Exec("checkpoint"); err != nil {
		t.Fatal(err)
	}
	if n := b.times("OLD BEACON"); n < 100_000 {
		t.Fatalf("they are there only %d times: this would show nothing", n)
	}
	if err := b.db.forget(t.Context(), b.in, 24*time.Hour, dayOne.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := b.times("OLD BEACON"); n > fragments {
		t.Errorf("deleted beacons can be found %d times", n)
	}
	if n := b.times("NEW BEACON"); n < 100_000 {
		t.Errorf("the other beacons are there %d times", n)
	}
	b.want("select count(*) from beacons", "50000")
}

// A row group that is written anew leaves its old blocks to others, and they outlive it there. The
// texts are so long that each quarter of a row group ends before four fifths of a block.
func TestOldBeaconsCantBeFoundDayAfterDay(t *testing.T) {
	b := newBench(t)
	b.uncompressed()
	const each, kept, days = groupRows * 5 / 4, 8, 12
	text := func(day int) string { return fmt.Sprintf("OF DAY %03d, SO LONG AGO, WHO REMEMBERS? ", day) }
	for day := range days {
		b.numbered(each, text(day), dayOne.AddDate(0, 0, day))
		if n := b.times(text(day)); n < each {
			t.Fatalf("day %d is there only %d times: this would show nothing", day, n)
		}
		if err := b.db.forget(t.Context(), b.in, kept*24*time.Hour, dayOne.AddDate(0, 0, day+1)); err != nil {
			t.Fatal(err)
		}
		for gone := range day + 1 - kept {
			if n := b.times(text(gone)); n > fragments {
				t.Errorf("after day %d, deleted beacons of day %d can be found %d times", day, gone, n)
			}
		}
		b.want("select count(*) from beacons", fmt.Sprint(each*min(day+1, kept)))
	}
}

func TestTheOldestMakeRoom(t *testing.T) {
	b := newBench(t)
	b.days(4, 50_000)
	if _, err := b.db.pool.Exec("checkpoint"); err != nil {
		t.Fatal(err)
	}
	before, err := b.db.used(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.db.shrink(t.Context(), before/2); err != nil {
			t.Fatal(err)
		}
		if used, err := b.db.used(t.Context()); err != nil || used > before/2 || used < before/4 {
			t.Errorf("%d bytes of %d are used: %v", used, before, err)
		}
	}
	b.want("select count(*) between 50000 and 120000, min(received_at) > '2026-08-02', max(received_at) > '2026-08-04' from beacons", "%!s(bool=true) | %!s(bool=true) | %!s(bool=true)")
	// What comes then has room in the same file.
	size := b.fileSize()
	b.put(record(1_000_000, "text/plain", "new"))
	b.caughtUp()
	if _, err := b.db.pool.Exec("checkpoint"); err != nil || b.fileSize() > size {
		t.Errorf("the file has %d bytes and had %d: %v", b.fileSize(), size, err)
	}
	b.want("select count(*) from beacons where id = '"+id(1_000_000).String()+"'", "1")
}

func TestAQueryThatLastsKeepsRowsFromBeingFreed(t *testing.T) {
	b := newBench(t)
	b.days(2, 1000)
	rows, err := b.db.Query(t.Context(), "from range(10)")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.db.forget(t.Context(), b.in, 24*time.Hour, dayOne.Add(48*time.Hour)) }()
	for b.ask("select count(*) from beacons") == "2000" {
		if t.Context().Err() != nil {
			t.Fatal("nothing is deleted")
		}
	}
	select {
	case err := <-ended:
		t.Errorf("it did not wait: %v", err)
	default:
	}
	rows.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func (b *bench) fileSize() int64 {
	b.Helper()
	info, err := os.Stat(b.db.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.Fatal(err)
	}
	return info.Size()
}
