//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// large is a body of a size that can't be compressed.
func large(n, size int) string {
	body := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(body)
	return string(body)
}

func TestWhenARowGroupEnds(t *testing.T) {
	var g group
	for i, x := range []struct {
		rows  int
		bytes int64
		ends  bool
	}{
		{2000, vectorBytes, false},
		{48, 0, false}, // the vector is full, and all right
		{2000, vectorBytes, false},
		{2000, 1, true}, // though the vector is full
		{1, 1, true},    // for as long as it was not ended
	} {
		if ends := g.add(x.rows, x.bytes); ends != x.ends {
			t.Errorf("%d: %v", i, ends)
		}
	}
}

func TestAVectorHasNotTooManyBytes(t *testing.T) {
	b := newBench(t)
	stop := b.drain()
	const n, size = 80, 512 << 10
	want := fmt.Sprintf("%d | %[1]d | %d", n+1, n*size+1)
	const query = "select count(*), count(distinct id), sum(octet_length(body))::bigint from beacons"

	// Who looks on sees no row but beacons.
	looking, looked := context.WithCancel(t.Context())
	var onlooker sync.WaitGroup
	onlooker.Go(func() {
		for looking.Err() == nil {
			if got := b.ask("select count(*) filter (kind <> 'binary'), count(*) > 200 from beacons"); got != "0 | %!s(bool=false)" {
				t.Errorf("there are others: %s", got)
				return
			}
		}
	})
	for i := range n {
		b.put(record(i, "application/octet-stream", large(i, size)))
	}
	b.put(record(n, "application/octet-stream", "x"))
	b.caughtUp()
	looked()
	onlooker.Wait()
	b.want(query, want)
	stop()
	const most = rowGroups + `select max(bytes) > 2 * 16 * 1024 * 1024 from (
		select sum(bytes) as bytes from (select rowid as r, octet_length(body) as bytes from beacons) asof join groups on r >= first
		group by id, (r - first) // 2048)`
	b.want(most, "%!s(bool=false)")
	b.closeDB() // with a checkpoint, which must not join what was kept apart
	b.openDB()
	b.want(query, want)
	b.want(most, "%!s(bool=false)")
	b.want("select count(*) from padding", "0")
}

// What an engine that died has left is gone before anybody sees it.
func TestPaddingThatIsLeftGoes(t *testing.T) {
	b := newBench(t)
	stop := b.drain()
	b.put(record(1, "text/plain", "x"))
	b.caughtUp()
	stop()
	if _, err := b.db.pool.Exec(fmt.Sprintf(`insert into padding values ('%[1]s');
		insert into beacons by name select '%[1]s'::uuid as id, now() as received_at, '' as stream, 'padding' as kind, ''::blob as body from range(10000)`, id(1))); err != nil {
		t.Fatal(err)
	}
	b.closeDB()
	b.openDB()
	b.want("select count(*), count(*) filter (kind = 'text') from beacons", "1 | 1")
}
