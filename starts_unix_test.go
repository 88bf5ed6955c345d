//go:build unix

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

// TestStarts starts deliverers that come to nothing, as fast as it may, for an hour.
func TestStarts(t *testing.T) {
	lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	now, started := time.Now(), 0
	for end := now.Add(time.Hour); now.Before(end); now = now.Add(50 * time.Millisecond) {
		if countStart(lock, now) == nil {
			started++
		}
	}
	if started < 60 || started > 75 {
		t.Errorf("%d deliverers in an hour of beacons, none of which came to anything", started)
	}

	// Other programs' failures are theirs, and so is what they come to.
	others := make([]starts, 0, 2*maxPrograms)
	for i := range uint32(2 * maxPrograms) {
		others = append(others, starts{n: 50, last: now, program: i})
	}
	_, ours := readStarts(lock)
	if err := writeStarts(lock, append(others, ours)); err != nil {
		t.Fatal(err)
	}
	if countStart(lock, now) == nil {
		t.Error("the count of this program is lost among others")
	}
	forgetStarts(lock)
	if all, ours := readStarts(lock); ours.n != 0 || len(all) != maxPrograms-1 || all[0].n != 50 {
		t.Errorf("%+v, and %d others", ours, len(all))
	}
	for range freeStarts {
		if err := countStart(lock, now); err != nil {
			t.Error(err)
		}
	}
	if countStart(lock, now) == nil {
		t.Error("one more than is free")
	}
}

// TestADelivererThatCantBeStarted lets deliverers die on their way to Start until no more are
// started, and sends then: this process delivers.
func TestADelivererThatCantBeStarted(t *testing.T) {
	dir, err := os.MkdirTemp("", "beacon-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("BEACON_TEST_PROGRAM", "crash")
	var refused error
	for range 4 * freeStarts {
		if refused == nil {
			refused = detach(dir, lock, time.Minute)
		}
	}
	if refused == nil {
		t.Fatal("started again and again")
	}
	_, ours := readStarts(lock)
	ours.n, ours.last = 50, time.Now() // the next one in a minute
	if err := writeStarts(lock, []starts{ours}); err != nil {
		t.Fatal(err)
	}
	lock.Close() // with which it is free, as the deliverers had it
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
