// Package durable writes small files that are on disk, whole, when a function returns.
package durable

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// SyncDir makes the names in a folder durable. Windows does that by itself.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// WriteSynced writes a file, which it replaces if there is one, and makes its bytes durable. The
// file's name is durable after [SyncDir]. After an error the file is deleted.
func WriteSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}

// Replace writes a file, in place of one of the same name. After a crash there is the old one or the new one. It returns nil
// when the new one and its name are durable.
func Replace(path string, b []byte) error {
	if err := WriteSynced(path+".new", b); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		os.Remove(path + ".new")
		return err
	}
	return SyncDir(filepath.Dir(path))
}
