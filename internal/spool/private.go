package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// makePrivate makes the directory and its parents where they are missing, so that they
// last, and refuses one that is not the user's own.
func makePrivate(fsys fileSystem, dir string) error {
	var made []string // parents of what is made
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break
		}
		made = append(made, filepath.Dir(d))
	}
	if len(made) > 0 {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	for _, parent := range made {
		if err := fsys.SyncDir(parent); err != nil {
			return err
		}
	}
	return private(dir)
}
