//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestATableFromBeforeThereWereBotsGetsTheColumn(t *testing.T) {
	b := newBench(t)
	stop := b.drain()
	b.put(record(1, "text/plain", "old"))
	b.caughtUp()
	stop()
	if _, err := b.db.pool.Exec("alter table beacons drop column bot"); err != nil {
		t.Fatal(err)
	}
	b.closeDB()
	b.openDB()
	b.drain()
	r := record(2, "text/plain", "new")
	r.Request.Header = append(r.Request.Header, warc.Field{Name: "User-Agent", Value: "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"})
	b.put(record(1, "text/plain", "old"), r)
	b.caughtUp()
	b.want("select body, bot from beacons order by id", "old | NULL\nnew | %!s(bool=true)")
}

func TestATableWithAKeyLosesIt(t *testing.T) {
	b := newBench(t)
	stop := b.drain()
	b.put(record(1, "text/plain", "old"), record(2, "application/json", `{"a":1}`))
	b.caughtUp()
	stop()
	before := b.ask("from beacons order by id")
	keyed := strings.Replace(columnsOfBeacons, "id           uuid not null, --", "id uuid primary key, --", 1)
	if _, err := b.db.pool.Exec("alter table beacons rename to other; create table beacons " + keyed + "; alter table beacons add column bot boolean; insert into beacons from other; drop table other"); err != nil {
		t.Fatal(err)
	}
	b.want("select count(*) from duckdb_constraints() where table_name = 'beacons' and constraint_type = 'PRIMARY KEY'", "1")
	b.closeDB()
	b.openDB()
	b.want("select count(*) from duckdb_constraints() where table_name = 'beacons' and constraint_type = 'PRIMARY KEY'", "0")
	b.want("from beacons order by id", before)
	b.want("select count(*) from (describe beacons) where \"null\" = 'NO'", "5")
	b.drain()
	b.put(record(2, "text/plain", "again"), record(3, "text/plain", "new"))
	b.caughtUp()
	b.want("select count(*) from beacons", "3")
}

func TestAnEngineThatFailedIsOpenedAgain(t *testing.T) {
	b := newBench(t)
	b.drain()
	b.put(record(1, "text/plain", "x"))
	b.caughtUp()
	b.db.sick.Store(true) // as a query does that hears of a fatal error
	b.db.done.ask()
	b.put(record(2, "text/plain", "y"))
	b.caughtUp()
	b.want("select body from beacons order by id", "x\ny")
	if limit := b.memoryLimit(); limit != "64.0 MiB" {
		t.Errorf("between transactions the new engine may take %s", limit)
	}
}

func TestAnyPathIsOpened(t *testing.T) {
	for _, name := range []string{"100%", "it's", "a b=c&d"} {
		path := filepath.Join(t.TempDir(), name)
		db, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := db.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNoDatabaseIsRefused(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "a?b")); err == nil || !strings.Contains(err.Error(), "name another one") {
		t.Error(err)
	}
	b := newBench(t)
	if err := os.WriteFile(filepath.Join(b.dir, "text"), []byte("not a database, but longer than nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(b.dir, "text")); err == nil {
		t.Error("a text file was opened")
	} else {
		t.Log(err)
	}
}
