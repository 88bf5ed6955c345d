//go:build unix

package beacon

import (
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
