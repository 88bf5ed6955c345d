package accesslog

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// A File is a log that another process appends to and rotates. It is for one goroutine.
type File struct {
	path string
	file *os.File
	read int64
	left bool // another file has its name
}

// Open opens a log.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &File{path: path, file: file}, nil
}

// Read returns io.EOF at the end, and goes on when the log has grown. When another file has the name of the log, Read
// returns io.EOF once more, since the server may not have opened that file yet, and then goes on with it. A log that
// was truncated is read from its beginning.
func (f *File) Read(p []byte) (int, error) {
	for {
		n, err := f.file.Read(p)
		f.read += int64(n)
		if n > 0 || err != io.EOF {
			return n, err
		}
		again, err := f.rotated()
		if err != nil {
			return 0, err
		}
		if !again {
			return 0, io.EOF
		}
	}
}

// rotated reports whether there is more to read in another file, or from the beginning.
func (f *File) rotated() (bool, error) {
	old, err := f.file.Stat()
	if err != nil {
		return false, err
	}
	now, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // the new file does not exist yet
		return false, nil
	case err != nil:
		return false, err
	case os.SameFile(old, now):
		if now.Size() >= f.read {
			return false, nil
		}
		f.read = 0
		_, err := f.file.Seek(0, io.SeekStart)
		return true, err
	}
	if !f.left {
		f.left = true
		return false, nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		return false, err
	}
	f.file.Close()
	f.file, f.read, f.left = file, 0, false
	return true, nil
}

// Close closes the log.
func (f *File) Close() error { return f.file.Close() }
