package kafka

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// expectDead checks that dead/ has these records, as they are in the inbox.
func (h *harness) expectDead(want map[uuid.UUID]bool) {
	h.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, deadName, "*.warc"))
	if err != nil || len(files) != len(want) {
		h.Fatalf("dead/ has %q, want %d files: %v", files, len(want), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			h.Fatal(err)
		}
		r, _, err := warc.Parse(b)
		if err != nil || !want[r.ID] || !bytes.Equal(b, h.sent[r.ID]) {
			h.Errorf("%s is record %v, error %v", f, r.ID, err)
		}
	}
}

func TestDead_Full_DeletesOldestAndSaysSo(t *testing.T) {
	var logged bytes.Buffer
	d := deadFolder{filepath.Join(t.TempDir(), deadName), slog.New(slog.NewTextHandler(&logged, nil)), 1000, 3}
	write := func(n, size int) {
		if _, err := d.keep(spool.Cursor{Segment: "a.warc", Offset: int64(n)}, idOf(n), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (names []string) {
		entries, err := os.ReadDir(d.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name()[:14])
		}
		return names
	}
	for n := range 5 {
		write(n, 100)
	}
	if got, want := fmt.Sprint(left()), "[a@000000000002 a@000000000003 a@000000000004]"; got != want {
		t.Errorf("files are %s, want %s", got, want)
	}
	write(5, 850)
	if got, want := fmt.Sprint(left()), "[a@000000000004 a@000000000005]"; got != want {
		t.Errorf("files are %s, want %s", got, want)
	}
	if n := bytes.Count(logged.Bytes(), []byte("its oldest record is deleted")); n != 4 {
		t.Errorf("%d deletions are logged, want 4: %s", n, &logged)
	}
}
