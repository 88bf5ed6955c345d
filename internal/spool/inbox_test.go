package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newInbox(t testing.TB, fsys fileSystem, segment int64) *Inbox {
	t.Helper()
	in, err := openInbox(fsys, filepath.Join(t.TempDir(), "inbox"), segment)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

func TestAReaderFollowsAcrossSegments(t *testing.T) {
	in := newInbox(t, osFS{}, 700) // two records to a segment
	r := in.Reader(Cursor{})
	defer r.Close()
	if _, err := r.TryNext(); err != io.EOF {
		t.Fatalf("an empty inbox: %v", err)
	}
	for i := range 7 {
		if err := in.Append(encoded(t, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		it, err := r.Next(context.Background())
		if err != nil || string(it.Record.Request.Body) != fmt.Sprint(i) {
			t.Fatalf("%d: %q %v", i, it.Record.Request.Body, err)
		}
		if end := in.Synced(); end != it.Next {
			t.Errorf("%d: synced to %v, want %v", i, end, it.Next)
		}
		if n := it.Next.Offset - it.At.Offset; int64(len(it.Raw)) != n {
			t.Errorf("%d: %d bytes, want %d", i, len(it.Raw), n)
		}
		// From any place on, the rest can be read again.
		again := in.Reader(it.At)
		it2, err := again.TryNext()
		if err != nil || it2.Record.ID != it.Record.ID || it2.Next != it.Next {
			t.Fatalf("%d: from %v: %v %v", i, it.At, it2.Next, err)
		}
		again.Close()
	}
	end, err := in.End()
	if err != nil {
		t.Fatal(err)
	}
	if c := (Cursor{r.name, r.r.off}); c != end {
		t.Errorf("the reader is at %v, the end is %v", c, end)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing more: %v", err)
	}
}

func TestOneFsyncServesAllThatWaited(t *testing.T) {
	var syncs atomic.Int64
	fsys := &faultFS{fail: func(op, _ string) error {
		if op == "sync" {
			syncs.Add(1)
			time.Sleep(2 * time.Millisecond) // a disk
		}
		return nil
	}}
	in := newInbox(t, fsys, 1<<20)
	box := newOutboxOn(t, fsys)
	for where, keep := range map[string]func([]byte) error{
		"inbox":  in.Append,
		"outbox": func(b []byte) error { return box.Append(b, capacity, true) },
	} {
		syncs.Store(0)
		var all sync.WaitGroup
		for range 50 {
			b := encoded(t, "x")
			all.Go(func() {
				for range 4 {
					if err := keep(b); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if n := syncs.Load(); n > 100 {
			t.Errorf("%s: %d fsyncs for 200 records", where, n)
		}
	}
	if n, err := box.Waiting(); n != 200 || err != nil {
		t.Errorf("%d of 200 are waiting (%v)", n, err)
	}
}

func TestAFailedFsyncIsNeverAcknowledged(t *testing.T) {
	var bad atomic.Bool
	fsys := &faultFS{fail: func(op, name string) error {
		if op == "sync" && bad.Load() {
			return errors.New("input/output error")
		}
		return nil
	}}
	in := newInbox(t, fsys, 1<<20)
	if err := in.Append(encoded(t, "a")); err != nil {
		t.Fatal(err)
	}
	bad.Store(true)
	if err := in.Append(encoded(t, "b")); err == nil {
		t.Error("acknowledged without a sync")
	}
	bad.Store(false)
	if err := in.Append(encoded(t, "c")); err != nil {
		t.Errorf("after the disk came back: %v", err)
	}
	if names, _ := listSegments(osFS{}, in.dir); len(names) != 2 {
		t.Errorf("nothing more may go into a segment whose sync failed: %v", names)
	}
}

func TestAFailedFsyncFailsAllThatWaitedForIt(t *testing.T) {
	bad := make(chan error)
	fsys := &faultFS{fail: func(op, name string) error {
		if op == "sync" {
			return <-bad
		}
		return nil
	}}
	in := newInbox(t, fsys, 1<<20)
	defer close(bad)
	answers := make(chan error, 10)
	keep := func() { answers <- in.Append(encoded(t, "x")) }
	in.groups.disk.Lock() // it is busy, so that they come together
	for range 10 {
		go keep()
	}
	for joined := 0; joined < 10; {
		in.groups.mu.Lock()
		if g := in.groups.open; g != nil {
			joined = len(g.records) / len(encoded(t, "x"))
		}
		in.groups.mu.Unlock()
	}
	in.groups.disk.Unlock()
	bad <- errors.New("input/output error")
	for range 10 {
		if <-answers == nil {
			t.Error("acknowledged without a sync")
		}
	}
}

func TestASegmentAfterTheClockWentBackStillComesLast(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	first := segmentName(now, "")
	second := segmentName(now.Add(-24*time.Hour), first)
	if second <= first {
		t.Errorf("%s sorts before %s", second, first)
	}
}

func TestDamageInTheMiddleOfAnInbox(t *testing.T) {
	in := newInbox(t, osFS{}, 1<<20)
	for _, b := range []string{"one", "two", "three"} {
		if err := in.Append(encoded(t, b)); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := listSegments(osFS{}, in.dir)
	path := filepath.Join(in.dir, names[0])
	text, _ := os.ReadFile(path)
	i := strings.Index(string(text), "two")
	text[i] ^= 1
	os.WriteFile(path, text, 0o600)
	r := in.Reader(Cursor{})
	defer r.Close()
	var got []string
	for {
		it, err := r.TryNext()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if it.Damage != nil {
			got = append(got, "damage")
			if len(it.Raw) == 0 || it.Record.Target == "" {
				t.Errorf("%d bytes, target %q", len(it.Raw), it.Record.Target)
			}
		} else {
			got = append(got, string(it.Record.Request.Body))
		}
	}
	if fmt.Sprint(got) != "[one damage three]" {
		t.Error(got)
	}
}

func TestNothingIsKeptAfterTheEnd(t *testing.T) {
	in := newInbox(t, osFS{}, 1<<20)
	in.Close()
	if err := in.Append(encoded(t, "x")); err == nil {
		t.Error("acknowledged by a closed inbox")
	}
}

func TestOneCollectorAtATime(t *testing.T) {
	in := newInbox(t, osFS{}, 1<<20)
	if _, err := OpenInbox(in.dir); err == nil || !strings.Contains(err.Error(), "another collector") {
		t.Errorf("%v", err)
	}
}

func TestTrimKeepsWhatIsNewAndTheNewestSegment(t *testing.T) {
	in := newInbox(t, osFS{}, 700)
	in.keep = 0
	for range 6 {
		if err := in.Append(encoded(t, "x")); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := listSegments(osFS{}, in.dir)
	if err := in.Trim(Cursor{names[1], 10}); err != nil {
		t.Fatal(err)
	}
	if left, _ := listSegments(osFS{}, in.dir); fmt.Sprint(left) != fmt.Sprint(names[1:]) {
		t.Errorf("%v of %v", left, names)
	}
	end, _ := in.End()
	in.Trim(end)
	if left, _ := listSegments(osFS{}, in.dir); len(left) != 1 {
		t.Errorf("%v", left)
	}
}

func TestHowFarAReaderIsBehind(t *testing.T) {
	in := newInbox(t, osFS{}, 1<<10) // a few records a segment
	size := int64(0)
	for range 10 {
		record := encoded(t, "x")
		size += int64(len(record))
		if err := in.Append(record); err != nil {
			t.Fatal(err)
		}
	}
	r := in.Reader(Cursor{})
	defer r.Close()
	at := Cursor{}
	for n := 0; ; n++ {
		bytes, since, err := in.Behind(at)
		if err != nil || bytes != size || since.IsZero() != (n == 10) {
			t.Errorf("after %d: %d bytes, since %v, %v; want %d", n, bytes, since, err, size)
		}
		it, err := r.TryNext()
		if err != nil {
			break
		}
		at = it.Next
		size -= int64(len(encoded(t, "x")))
	}
}
