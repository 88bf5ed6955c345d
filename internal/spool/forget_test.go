package spool

import (
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"
)

func (in *Inbox) bodies(t *testing.T) (bodies []string) {
	t.Helper()
	r := in.Reader(Cursor{})
	defer r.Close()
	for {
		it, err := r.TryNext()
		if err == io.EOF {
			return bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(it.Record.Request.Body))
	}
}

func TestAnInboxForgetsWhatIsOldAndInTheTable(t *testing.T) {
	in := newInbox(t, osFS{}, 1<<20)
	put := func(body string) Cursor {
		t.Helper()
		if err := in.Append(encoded(t, body)); err != nil {
			t.Fatal(err)
		}
		end, err := in.End()
		if err != nil {
			t.Fatal(err)
		}
		return end
	}
	began := time.Now()
	forget := func(after time.Duration, c Cursor, deleted int, left ...string) {
		t.Helper()
		n, err := in.Forget(began.Add(after), 100*time.Hour, c)
		if got := in.bodies(t); err != nil || n != deleted || fmt.Sprint(got) != fmt.Sprint(left) {
			t.Errorf("after %v: %d segments are deleted and %q left, not %d and %q: %v", after, n, got, deleted, left, err)
		}
	}
	forget(0, Cursor{}, 0)
	first := put("first")
	forget(30*time.Minute, first, 0, "first")
	if end, _ := in.End(); end.Segment != first.Segment {
		t.Error("a segment ends before its time")
	}
	forget(2*time.Hour, first, 0, "first") // its segment ends here
	end, err := in.End()
	if err != nil || end.Segment == first.Segment || end.Offset != 0 {
		t.Fatalf("the inbox ends at %v: %v", end, err)
	}
	forget(4*time.Hour, end, 0, "first") // an empty one stays
	if again, _ := in.End(); again != end {
		t.Errorf("the inbox ends at %v and %v", end, again)
	}
	forget(101*time.Hour, end, 0, "first") // at 2 h it was younger
	forget(102*time.Hour+time.Minute, first, 0, "first")
	forget(102*time.Hour+time.Minute, end, 1)
	second := put("second")
	if !end.Before(second) {
		t.Errorf("%v comes before %v", second, end)
	}
	if got := in.bodies(t); fmt.Sprint(got) != "[second]" {
		t.Errorf("%q", got)
	}
}

// The two are called by goroutines of their own.
func TestTrimAndForgetDeleteTheSame(t *testing.T) {
	fsys := &faultFS{}
	in := newInbox(t, fsys, 1)
	for _, body := range []string{"a", "b", "c", "d"} {
		if err := in.Append(encoded(t, body)); err != nil {
			t.Fatal(err)
		}
	}
	end, err := in.End()
	if err != nil {
		t.Fatal(err)
	}
	in.KeepAtMost(0)
	for name, deletes := range map[string]func() error{
		"Trim":   func() error { return in.Trim(end) },
		"Forget": func() error { _, err := in.Forget(time.Now().Add(time.Hour), time.Minute, end); return err },
	} {
		fsys.fail = func(op, _ string) error {
			if op == "remove" {
				return fs.ErrNotExist
			}
			return nil
		}
		if err := deletes(); err != nil {
			t.Errorf("%s, where the other was first: %v", name, err)
		}
	}
}
