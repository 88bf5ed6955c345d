package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	deadName = "dead"
	// The folder dead/ has so many bytes and files at most. Beyond that the oldest are deleted.
	maxDeadBytes = 256 << 20
	maxDeadFiles = 10_000
)

// A deadFolder keeps records that can't go to the log. It is for one goroutine.
type deadFolder struct {
	dir      string
	log      *slog.Logger
	maxBytes int64
	maxFiles int
}

// keep writes a record to <segment>@<offset>-<id>.warc, and returns when it is on disk. The same place has the
// same name, so that a crash does not double it.
func (d *deadFolder) keep(at spool.Cursor, id uuid.UUID, record []byte) (path string, err error) {
	return d.write(placeName(at)+"-"+id.String()+".warc", record)
}

// keepDamaged writes bytes of the inbox that are not a record to <segment>@<offset>.corrupt.
func (d *deadFolder) keepDamaged(at spool.Cursor, raw []byte) (path string, err error) {
	return d.write(placeName(at)+".corrupt", raw)
}

func placeName(at spool.Cursor) string {
	return fmt.Sprintf("%s@%012d", strings.TrimSuffix(at.Segment, filepath.Ext(at.Segment)), at.Offset)
}

func (d *deadFolder) write(name string, data []byte) (string, error) {
	if err := d.makeRoom(int64(len(data))); err != nil {
		return "", fmt.Errorf("make room in dead/: %w", err)
	}
	path := filepath.Join(d.dir, name)
	if err := durable.Replace(path, data); err != nil {
		return "", fmt.Errorf("write to dead/: %w", err)
	}
	return path, nil
}

// makeRoom makes the folder, and deletes the oldest files until n bytes more are within the bound.
func (d *deadFolder) makeRoom(n int64) error {
	if err := os.Mkdir(d.dir, 0o700); err == nil {
		err = durable.SyncDir(filepath.Dir(d.dir))
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	var files []os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
			n += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return cmp.Compare(a.Name(), b.Name()) })
	for i, f := range files {
		if n <= d.maxBytes && len(files)-i < d.maxFiles {
			break
		}
		if err := os.Remove(filepath.Join(d.dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		n -= f.Size()
		d.log.Error("dead/ is full, its oldest record is deleted", "file", f.Name(), "bytes", f.Size(), "most_bytes", d.maxBytes, "most_files", d.maxFiles)
	}
	return nil
}
