package spool

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func rec(t testing.TB, body string) []byte {
	r := warc.Record{ID: uuid.Must(uuid.NewV7()), Date: time.Now(), Target: "http://127.0.0.1/x", Request: warc.Request{Method: "POST", Target: "/x", Proto: "HTTP/1.1", Body: []byte(body)}}
	b, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	o, err := OpenOutbox(dir, OutboxOptions{Capacity: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := o.Append(rec(t, "hello")); err != nil {
			t.Fatal(err)
		}
	}
	l, err := o.TryLock()
	t.Log(l, err)
	c, err := o.Claim(l)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var es []Entry
	scan := func() {
		if err := c.Scan(func(e Entry, r *warc.Record) { n++; es = append(es, e) }); err != nil {
			t.Fatal(err)
		}
	}
	scan()
	t.Log(n)
	t.Log(ReadStatus(dir))
	for _, e := range es {
		if _, err := c.Read(e); err != nil {
			t.Fatal(err)
		}
		c.Finish(e, Delivered, "204")
	}
	t.Log(o.Waiting())
	t.Log(ReadStatus(dir))
	o.Close()
	scan()
	t.Log(ReadStatus(dir))
	t.Log(c.Release())
}

func BenchmarkAppend(b *testing.B) {
	o, err := OpenOutbox(b.TempDir(), OutboxOptions{Capacity: 16 << 30})
	if err != nil {
		b.Fatal(err)
	}
	r := rec(b, string(make([]byte, 512)))
	for b.Loop() {
		if err := o.Append(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	r := rec(b, string(make([]byte, 512)))
	for b.Loop() {
		warc.Parse(r)
	}
}
