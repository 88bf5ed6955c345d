package spool

import (
	"fmt"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestList_MergeMeanwhile_ListsEachRecordOnce(t *testing.T) {
	box := newOutbox(t)
	for i := range 6 {
		leave(t, box.Dir(), endedProcess(), fmt.Sprint(i))
	}
	c := claim(t, box)
	defer c.Release()
	bodies(t, c)
	var got []string
	if err := List(box.Dir(), false, func(l *Listed) bool {
		if got = append(got, string(l.Record.Request.Body)); len(got) == 3 {
			if err := c.merge(6); err != nil {
				t.Error(err)
			}
		}
		return true
	}); err != nil || fmt.Sprint(got) != "[0 1 2 3 4 5]" {
		t.Errorf("listed %v, %v", got, err)
	}
}

// Readers see each record once while segments are merged and beacons finished.
func TestMerge_ReadersMeanwhile_SeeEachRecordOnce(t *testing.T) {
	box := newOutbox(t)
	const n, step = 400, 20
	for i := range n {
		leave(t, box.Dir(), endedProcess(), fmt.Sprint(i))
	}
	kept := map[string]bool{} // never finished
	for i := 0; i < n; i += 2 {
		kept[fmt.Sprint(i)] = true
	}
	c := claim(t, box)
	defer c.Release()
	stop, read := make(chan struct{}), make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			if s, err := ReadStatus(box.Dir()); err != nil || s.Accepted() != n {
				t.Errorf("accepted %d, %v", s.Accepted(), err)
			}
			if !Pending(box.Dir()) {
				t.Error("nothing is pending")
			}
			seen := map[string]int{}
			if err := List(box.Dir(), false, func(l *Listed) bool { seen[string(l.Record.Request.Body)]++; return true }); err != nil {
				t.Error(err)
			}
			for body := range kept {
				if seen[body] != 1 {
					t.Errorf("%s was listed %d times", body, seen[body])
				}
			}
			select {
			case read <- struct{}{}:
			case <-stop:
				return
			}
		}
	})
	for range n / step {
		found := 0
		if _, err := c.Scan(func(e Entry, r *warc.Record) bool {
			if found++; !kept[string(r.Request.Body)] {
				if err := c.Finish(Delivered, "", e); err != nil {
					t.Error(err)
				}
			}
			return found < step
		}); err != nil {
			t.Fatal(err)
		}
		if err := c.merge(4); err != nil {
			t.Fatal(err)
		}
		<-read // so that few merges fall into one look
	}
	close(stop)
	reading.Wait()
}
