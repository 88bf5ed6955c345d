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

// faultFS is the real file system until a chosen step, from which on every step fails as
// it would for a process that was killed; or it fails single steps, as a disk would.
type faultFS struct {
	osFS
	mu      sync.Mutex
	steps   int
	crashAt int                         // the step that is not done any more; 0 is never
	fail    func(op, name string) error // what a step answers instead; may be nil
	cut     func(name string) int       // how many bytes of a write reach the file, -1 for all; may be nil

	files []*faultFile
	fresh map[string]bool // names that no SyncDir has made lasting
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

// die frees what the kernel frees of a killed process.
func (f *faultFS) die() {
	for _, file := range f.files {
		file.real.Close()
	}
}

// powerCut also takes from the disk what nobody synced.
func (f *faultFS) powerCut() {
	f.die()
	for _, file := range f.files {
		if info, err := os.Stat(file.name); err == nil && info.Size() > file.synced {
			os.Truncate(file.name, file.synced)
		}
	}
	for name := range f.fresh {
		os.Remove(name)
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
		f.named(name)
	}
	return file, nil
}

func (f *faultFS) named(name string) {
	if f.fresh == nil {
		f.fresh = map[string]bool{}
	}
	f.fresh[name] = true
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
	if err := f.osFS.Rename(from, to); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.fresh, from)
	f.named(to)
	for _, file := range f.files {
		if file.name == from {
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
