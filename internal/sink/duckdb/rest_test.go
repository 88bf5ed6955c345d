//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTheTableRestsWhileMoreComesInThanItTakes(t *testing.T) {
	b := newBench(t)
	d := drain{db: b.db, in: b.in, limit: 20}
	defer d.leave()
	ctx := t.Context()
	stopped := make(chan struct{})
	var posting sync.WaitGroup
	n := 0
	posting.Go(func() {
		for ; ; n++ {
			select {
			case <-stopped:
				return
			default:
				b.put(record(n, "text/plain", strings.Repeat("x", 64<<10)))
			}
		}
	})
	var err error
	for err == nil && !d.losing {
		err = d.step(ctx)
	}
	close(stopped)
	posting.Wait()
	if err != nil {
		t.Fatal(err)
	}

	rested := make(chan struct{})
	go func() {
		d.rest(ctx, time.Hour)
		close(rested)
	}()
	select {
	case <-rested:
		t.Fatal("it didn't rest")
	case <-time.After(50 * time.Millisecond):
	}
	b.db.done.ask()
	<-rested

	for range n {
		d.limit = maxRows
		if err := d.step(ctx); err != nil {
			t.Fatal(err)
		}
		if d.losing {
			t.Fatal("it rests while nothing comes in")
		}
		if end, err := b.in.End(); err != nil || !b.db.At().Before(end) {
			break
		}
	}
}

func TestATableThatKeepsUpDoesNotRest(t *testing.T) {
	b := newBench(t)
	d := drain{db: b.db, in: b.in, limit: maxRows}
	defer d.leave()
	for n := range 20 {
		b.put(record(n, "text/plain", "x"))
		if err := d.step(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.in.Append(encode(t, record(100+n, "text/plain", strings.Repeat("y", 1000))))
		if d.losing {
			t.Fatal("it rests")
		}
	}
}
