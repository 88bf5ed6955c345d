//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// stepWhile makes a step, and lets the records come in while it waits for the table. It says
// whether they surely came during that step.
func (b *bench) stepWhile(d *drain, records []byte) (during bool) {
	b.Helper()
	b.db.writing.Lock()
	stepped := make(chan error, 1)
	go func() { stepped <- d.step(b.Context()) }()
	time.Sleep(100 * time.Millisecond)
	came := time.Now()
	err := b.in.Append(records)
	b.db.writing.Unlock()
	if err := errors.Join(err, <-stepped); err != nil {
		b.Fatal(err)
	}
	return d.took >= time.Since(came)
}

// texts are so many records, the first with that number.
func texts(first, many int, body string) (records []warc.Record) {
	for n := range many {
		records = append(records, record(first+n, "text/plain", body))
	}
	return records
}

func TestTheTableRestsWhileMoreComesInThanItTakes(t *testing.T) {
	b := newBench(t)
	const each = losingBytes>>16 + 1 // of 64 KiB
	d := drain{db: b.db, in: b.in}
	defer d.leave()
	ctx := t.Context()
	n := 0
	for during := false; !during; n += 3 * each {
		if n > 30*each {
			t.Fatal("nothing comes in during a step: this would show nothing")
		}
		records := texts(n, 3*each, strings.Repeat("x", 64<<10))
		b.put(records[:each]...)
		d.limit = each
		during = b.stepWhile(&d, encode(t, records[each:]...))
	}
	if !d.losing {
		t.Fatal("it doesn't rest")
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

// More comes in than a small step writes, and that is little.
func TestATableThatKeepsUpDoesNotRest(t *testing.T) {
	b := newBench(t)
	d := drain{db: b.db, in: b.in}
	defer d.leave()
	during := 0
	for n := 0; during < 3; n += 20 {
		if n == 600 {
			t.Fatal("nothing comes in during a step: this would show nothing")
		}
		records := texts(n, 20, strings.Repeat("y", 1000))
		b.put(records[:5]...)
		d.limit = 5
		more := encode(t, records[5:]...)
		if b.stepWhile(&d, more) {
			during++
		}
		if d.losing {
			t.Fatal("it rests")
		}
		if d.size == 0 || d.size >= int64(len(more)) {
			t.Fatalf("it wrote %d bytes, and %d came in: this would show nothing", d.size, len(more))
		}
	}
}
