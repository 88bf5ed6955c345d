package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

var (
	errCrash   = errors.New("the process is dead")
	errNoSpace = errors.New("no space left on device")
)

// faultFS is the real file system. From a chosen step on every step fails, as after a kill, or chosen steps fail,
// as with a bad disk.
type faultFS struct {
	osFS
	mu      sync.Mutex
	steps   int
	crashAt int                         // the first step that fails; 0 means that all succeed
	fail    func(op, name string) error // the error of a step, or nil; may be nil
	cut     func(name string) int       // how many bytes of a write reach the file, -1 for all; may be nil

	files []*faultFile
	fresh map[string][]byte // names since the last SyncDir, with what each had replaced, or nil
}

func (f *faultFS) step(op, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps++
	if f.crashAt > 0 && f.steps >= f.crashAt {
		return errCrash
	}
	if f.fail != nil {
		return f.fail(op, filepath.Base(name))
	}
	return nil
}

// die closes all files, as the kernel does after a kill.
func (f *faultFS) die() {
	for _, file := range f.files {
		file.real.Close()
	}
}

// powerCut also removes from the disk all that was not synced.
func (f *faultFS) powerCut() {
	f.die()
	for _, file := range f.files {
		if info, err := os.Stat(file.name); err == nil && info.Size() > file.synced {
			os.Truncate(file.name, file.synced)
		}
	}
	for name, replaced := range f.fresh {
		if replaced == nil {
			os.Remove(name)
		} else {
			os.WriteFile(name, replaced, 0o600)
		}
	}
}

func (f *faultFS) Open(name string, flag int) (file, error) {
	if err := f.step("open", name); err != nil {
		return nil, err
	}
	made := flag&os.O_CREATE != 0 && !f.osFS.Exists(name)
	real, err := f.osFS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	size, _ := real.Size()
	file := &faultFile{fs: f, name: name, real: real, synced: size}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files = append(f.files, file)
	if made {
		f.named(name, nil)
	}
	return file, nil
}

func (f *faultFS) named(name string, replaced []byte) {
	if f.fresh == nil {
		f.fresh = map[string][]byte{}
	}
	if _, ok := f.fresh[name]; !ok {
		f.fresh[name] = replaced
	}
}

func (f *faultFS) ReadDir(dir string) ([]fs.DirEntry, error) {
	if err := f.step("readdir", dir); err != nil {
		return nil, err
	}
	return f.osFS.ReadDir(dir)
}

func (f *faultFS) Rename(from, to string) error {
	if err := f.step("rename", to); err != nil {
		return err
	}
	replaced, _ := os.ReadFile(to) // nil if it doesn't exist
	if err := f.osFS.Rename(from, to); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.fresh, from)
	f.named(to, replaced)
	for _, file := range f.files {
		switch file.name {
		case to:
			file.name = "" // replaced
		case from:
			file.name = to
		}
	}
	return nil
}

func (f *faultFS) Remove(name string) error {
	if err := f.step("remove", name); err != nil {
		return err
	}
	return f.osFS.Remove(name)
}

func (f *faultFS) SyncDir(dir string) error {
	if err := f.step("syncdir", dir); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.fresh {
		if filepath.Dir(name) == dir {
			delete(f.fresh, name)
		}
	}
	return nil
}

type faultFile struct {
	fs     *faultFS
	name   string
	real   file
	synced int64
}

func (f *faultFile) Write(b []byte) (int, error) {
	if err := f.fs.step("write", f.name); err != nil {
		return 0, err
	}
	if f.fs.cut != nil {
		if n := f.fs.cut(filepath.Base(f.name)); n >= 0 && n < len(b) {
			n, _ = f.real.Write(b[:n])
			return n, errNoSpace
		}
	}
	return f.real.Write(b)
}

func (f *faultFile) Sync() error {
	if err := f.fs.step("sync", f.name); err != nil {
		return err
	}
	size, err := f.real.Size()
	f.synced = size
	return err
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fs.step("truncate", f.name); err != nil {
		return err
	}
	return f.real.Truncate(size)
}

func (f *faultFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.fs.step("read", f.name); err != nil {
		return 0, err
	}
	return f.real.ReadAt(b, off)
}

func (f *faultFile) Size() (int64, error)   { return f.real.Size() }
func (f *faultFile) TryLock() (bool, error) { return f.real.TryLock() }
func (f *faultFile) Close() error           { return f.real.Close() }
