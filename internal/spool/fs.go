package spool

import (
	"io"
	"io/fs"
	"os"
)

// fileSystem is what a spool needs of the operating system. It is an interface only
// so that tests can have writes cut short, a full disk, a failing fsync, and a crash
// between any two steps.
type fileSystem interface {
	Open(name string, flag int) (file, error)
	ReadDir(dir string) ([]fs.DirEntry, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(dir string) error
	// Exists is a quick look whether a file has its name still.
	Exists(name string) bool
}

type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
	// TryLock takes the kernel's exclusive lock, which goes with the open file.
	TryLock() (bool, error)
}

type osFS struct{}

func (osFS) Open(name string, flag int) (file, error) {
	f, err := os.OpenFile(name, flag|openFlags, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (osFS) Rename(from, to string) error              { return os.Rename(from, to) }
func (osFS) Remove(name string) error                  { return os.Remove(name) }

func (osFS) Exists(name string) bool { return exists(name) }

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncDir(d)
}

type osFile struct{ *os.File }

func (f osFile) TryLock() (bool, error) { return tryLock(f.File) }
func (f osFile) Sync() error            { return syncFile(f.File) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
