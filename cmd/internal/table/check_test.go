package table

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// flip changes a byte of a file; at counts from the end where it is negative.
func flip(t testing.TB, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 0x10
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h *harness) check() Report {
	h.Helper()
	r, err := h.table.Check(context.Background(), h.in, nil)
	if err != nil {
		h.Fatal(err)
	}
	return r
}

func TestCheck_FileDamagedOrMissing_IsNamedAndMoved(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, path string, size int)
		reason string
	}{
		{"first byte", func(t *testing.T, p string, _ int) { flip(t, p, 0) }, "the checksum is wrong"},
		{"data", func(t *testing.T, p string, _ int) { flip(t, p, 50) }, "the checksum is wrong"},
		{"middle", func(t *testing.T, p string, size int) { flip(t, p, size/2) }, "the checksum is wrong"},
		{"metadata", func(t *testing.T, p string, _ int) { flip(t, p, -100) }, "the checksum is wrong"},
		{"length of metadata", func(t *testing.T, p string, _ int) { flip(t, p, -6) }, "the checksum is wrong"},
		{"cut", func(t *testing.T, p string, size int) {
			if err := os.Truncate(p, int64(size-1)); err != nil {
				t.Fatal(err)
			}
		}, "the checksum is wrong"},
		{"empty", func(t *testing.T, p string, _ int) {
			if err := os.Truncate(p, 0); err != nil {
				t.Fatal(err)
			}
		}, "the checksum is wrong"},
		{"deleted", func(t *testing.T, p string, _ int) {
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
		}, "the file is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, Options{})
			h.run()
			h.putAndFlush(record(1), record(2))
			h.putAndFlush(record(3))
			f := h.table.Status().Files
			victim := h.table.manifest.Files[0]
			path := filepath.Join(h.tableDir(), victim.Name)
			c.damage(t, path, int(victim.Bytes))
			r := h.check()
			if r.Files != f-1 || r.Rows != 1 || len(r.Damaged) != 1 || r.Damaged[0].Name != victim.Name || r.Damaged[0].Reason != c.reason || !r.Damaged[0].Rebuildable == base.After(r.Damaged[0].InboxFrom) {
				t.Errorf("report: got %+v", r)
			}
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s is in the table's folder still", victim.Name)
			}
			if _, err := os.Stat(filepath.Join(h.tableDir(), damagedDir, victim.Name)); err != nil {
				t.Errorf("the file in the folder damaged: got %v", err)
			}
			h.putAndFlush(record(4))
			s, err := h.table.Snapshot(context.Background(), h.in, timeout)
			if err != nil || len(s.Damaged) != 1 || s.Rows() != 2 {
				t.Errorf("Snapshot: got %+v %v, want two rows and one damaged file", s, err)
			}
			s.Release()
			h.wantIDs(3, 4)
			h.reopen(Options{})
			if d := h.table.Status().Damaged; len(d) != 1 {
				t.Errorf("damaged files after a restart: got %v, want 1", d)
			}
			h.wantIDs(3, 4)
		})
	}
}

func TestOpen_FileMissing_GoesOnWithoutIt(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(record(1))
	h.putAndFlush(record(2))
	if err := os.Remove(filepath.Join(h.tableDir(), h.table.manifest.Files[0].Name)); err != nil {
		t.Fatal(err)
	}
	h.reopen(Options{})
	h.wantIDs(2)
	if d := h.table.Status().Damaged; len(d) != 1 || d[0].Reason != "the file is missing" {
		t.Errorf("damaged: got %v", d)
	}
}

func TestOpen_ManifestDamaged_ReadsTheInboxAgain(t *testing.T) {
	for _, at := range []int{0, 30, 100, -2} {
		h := newHarness(t, Options{})
		h.putAndFlush(record(1))
		h.putAndFlush(record(2), keyed(record(3)))
		flip(t, filepath.Join(h.tableDir(), manifestName), at)
		h.crash()
		// The manifest is missing after a crash between the renames of a change. The previous one must
		// be whole then.
		if err := os.Remove(filepath.Join(h.tableDir(), manifestName)); err != nil {
			t.Fatal(err)
		}
		h.crash()
		h.drain()
		h.wantIDs(1, 2, 3)
		h.putAndFlush(record(4))
		h.crash()
		h.wantIDs(1, 2, 3, 4)
	}
}

// TestOpen_ManifestDamagedAfterMergeAndRestart_HasAllRows has a previous manifest that names files
// which a restart could have deleted.
func TestOpen_ManifestDamagedAfterMergeAndRestart_HasAllRows(t *testing.T) {
	h := newHarness(t, Options{})
	for n := range 9 {
		h.putAndFlush(record(n))
	}
	h.compactAll(time.Now().Add(50 * time.Hour))
	h.crash()
	flip(t, filepath.Join(h.tableDir(), manifestName), 100)
	h.crash()
	h.drain()
	h.wantIDs(span(0, 9)...)
	if d := h.table.Status().Damaged; len(d) != 0 {
		t.Errorf("damaged: got %v, want none", d)
	}
}

// TestOpen_NoUsableManifest_KeepsFilesAndReadsInbox has a table whose files can't be told from those
// that they replaced.
func TestOpen_NoUsableManifest_KeepsFilesAndReadsInbox(t *testing.T) {
	for name, spoil := range map[string]func(path string){
		"damaged": func(path string) { flip(t, path, 100) },
		"missing": func(path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, Options{})
			h.putAndFlush(record(1))
			h.putAndFlush(record(2))
			before := h.files()
			spoil(filepath.Join(h.tableDir(), manifestName))
			spoil(filepath.Join(h.tableDir(), previousName))
			h.crash()
			damaged := h.table.Status().Damaged
			if len(damaged) != len(before) {
				t.Fatalf("damaged: got %v, want the files %v", damaged, before)
			}
			for _, d := range damaged {
				if _, err := os.Stat(filepath.Join(h.tableDir(), damagedDir, d.Name)); err != nil || d.Rows != 1 || d.Last.IsZero() {
					t.Errorf("%+v: %v, want a file in the folder damaged with its rows and time", d, err)
				}
			}
			h.drain()
			h.wantIDs(1, 2)
		})
	}
}

func TestCheck_ManifestDamagedWhileOpen_IsWrittenAnew(t *testing.T) {
	for _, name := range []string{manifestName, previousName} {
		h := newHarness(t, Options{})
		h.putAndFlush(record(1))
		h.putAndFlush(record(2))
		flip(t, filepath.Join(h.tableDir(), name), 100)
		h.check()
		for _, name := range []string{manifestName, previousName} {
			if _, err := readManifest(filepath.Join(h.tableDir(), name)); err != nil {
				t.Errorf("%s after the check: %v", name, err)
			}
		}
		h.wantIDs(1, 2)
	}
}

func TestMaintain_NeverChecked_ChecksAtOnce(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	h.putAndFlush(record(1))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan bool)
	go func() {
		h.table.Maintain(ctx, h.in)
		close(ended)
	}()
	poll(t, "the check", func() bool { return h.table.uncheckedFor(time.Now()) < time.Hour })
	cancel()
	<-ended
}

// poll waits until done is true.
func poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(timeout); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen within %v", what, timeout)
		}
	}
}

func TestImport_FileOfItsDayDamaged_GoesOn(t *testing.T) {
	h := newHarness(t, Options{})
	h.run()
	h.putAndFlush(record(1), record(2))
	path := filepath.Join(h.tableDir(), h.table.manifest.Files[0].Name)
	if err := os.Truncate(path, 200); err != nil {
		t.Fatal(err)
	}
	h.putAndFlush([]warc.Record{imported(record(1)), record(3)}...)
	h.wantIDs(1, 3)
	if d := h.table.Status().Damaged; len(d) != 1 {
		t.Errorf("damaged: got %v, want one file", d)
	}
}
