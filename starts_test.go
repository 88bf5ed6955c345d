package beacon

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStarts_AllDie_AreLimited(t *testing.T) {
	dir := t.TempDir()
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	now, started := time.Now(), 0
	for end := now.Add(time.Hour); now.Before(end); now = now.Add(50 * time.Millisecond) {
		if countStart(lock, now) == nil {
			started++
		}
	}
	if started < 60 || started > 75 {
		t.Errorf("%d deliverers in an hour, want 60 to 75", started)
	}

	others := make([]starts, 0, 2*maxPrograms)
	for i := range uint32(2 * maxPrograms) {
		others = append(others, starts{n: 50, last: now, program: i})
	}
	_, ours := readStarts(lock)
	if err := writeStarts(lock, append(others, ours)); err != nil {
		t.Fatal(err)
	}
	if countStart(lock, now) == nil {
		t.Error("this program's number is lost among others")
	}
	resetStarts(dir)
	if all, ours := readStarts(lock); ours.n != 0 || len(all) != maxPrograms-1 || all[0].n != 50 {
		t.Errorf("after a reset: %+v, and %d others; want 0, and %d", ours, len(all), maxPrograms-1)
	}
	for range freeStarts {
		if err := countStart(lock, now); err != nil {
			t.Error(err)
		}
	}
	if countStart(lock, now) == nil {
		t.Errorf("start %d has no pause", freeStarts+1)
	}
}

// When the start limit is reached, the process that sends delivers.
func TestStarts_LimitReached_ProcessDelivers(t *testing.T) {
	dir, err := os.MkdirTemp("", "beacon-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		// Windows would delete the ledger and not the open segment, and later Flushes would wait for it.
		if old := dir + "-old"; os.Rename(dir, old) == nil {
			os.RemoveAll(old)
		}
	}()
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("BEACON_TEST_PROGRAM", "crash")
	var refused error
	for deadline := time.Now().Add(30 * time.Second); refused == nil; time.Sleep(time.Millisecond) {
		refused = detach(dir, lock, time.Minute)
		if time.Now().After(deadline) {
			t.Fatal("deliverers that die are started without an end")
		}
	}
	_, ours := readStarts(lock)
	ours.n, ours.last = 50, time.Now() // the next one in a minute
	if err := writeStarts(lock, []starts{ours}); err != nil {
		t.Fatal(err)
	}
	lock.Close() // it is free now: the deliverers had locked it
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	n := Navigator{Config: &Config{Outbox: dir}}
	if ok, err := n.SendBeacon(s.URL, "x"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Flush(ctx); err != nil {
		t.Error(err)
	}
}
