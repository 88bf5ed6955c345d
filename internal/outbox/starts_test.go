package outbox

import (
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
