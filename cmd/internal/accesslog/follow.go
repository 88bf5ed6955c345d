package accesslog

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// A File is a log that another process appends to, rotates and truncates. It is for one goroutine.
type File struct {
	path       string
	file       *os.File
	read       int64
	begin, end []byte // the first and the last bytes that were read of the file, to notice that it was truncated
	changed    bool   // the file was truncated during a Read
	unfinished bool   // the last line that was read has no line end
	left       bool   // another file has its name
	restarts   int    // how many times the file was truncated
}

// compared is how many bytes begin and end have. The times of the first and the last line are among them.
const compared = 1 << 10

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
// was truncated is read from its beginning, also if it is longer than before. Read adds a line end to an unfinished
// line before it goes on with the other file or the beginning.
func (f *File) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		truncated, err := f.truncated()
		if err != nil {
			return 0, err
		}
		if truncated {
			if f.unfinished {
				return f.endLine(p), nil
			}
			if err := f.restart(); err != nil {
				return 0, err
			}
		}
		n, err := f.file.Read(p)
		if n > 0 {
			return n, f.took(p[:n])
		}
		if err != nil && err != io.EOF {
			return 0, err
		}
		rotated, err := f.rotated()
		switch {
		case err != nil:
			return 0, err
		case !rotated:
			return 0, io.EOF
		case f.unfinished:
			return f.endLine(p), nil
		}
		switch next, err := Open(f.path); {
		case errors.Is(err, fs.ErrNotExist): // it was renamed in the meantime
			return 0, io.EOF
		case err != nil:
			return 0, err
		default:
			f.file.Close()
			next.restarts = f.restarts
			*f = *next
		}
	}
}

// took notes bytes that were read.
func (f *File) took(b []byte) error {
	// If the file was truncated since the last look, b may be of the middle of what is there now.
	truncated, err := f.truncated()
	if err != nil {
		return err
	}
	f.changed = truncated
	f.begin = append(f.begin, b[:min(len(b), compared-len(f.begin))]...)
	f.end = append(f.end, b[max(0, len(b)-compared):]...)
	f.end = append(f.end[:0], f.end[max(0, len(f.end)-compared):]...)
	f.read += int64(len(b))
	f.unfinished = b[len(b)-1] != '\n'
	return nil
}

// truncated reports whether the file no longer has the bytes that were read.
func (f *File) truncated() (bool, error) {
	info, err := f.file.Stat()
	switch {
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, nil
	case f.changed || info.Size() < f.read:
		return true, nil
	}
	for _, x := range []struct {
		want []byte
		at   int64
	}{{f.begin, 0}, {f.end, f.read - int64(len(f.end))}} {
		got := make([]byte, len(x.want))
		if n, err := f.file.ReadAt(got, x.at); n < len(got) && err != io.EOF {
			return false, err
		}
		if !bytes.Equal(got, x.want) {
			return true, nil
		}
	}
	return false, nil
}

// restart goes to the beginning of the file.
func (f *File) restart() error {
	f.begin, f.end, f.read, f.changed = f.begin[:0], f.end[:0], 0, false
	f.restarts++
	_, err := f.file.Seek(0, io.SeekStart)
	return err
}

func (f *File) endLine(p []byte) int {
	f.unfinished = false
	return copy(p, "\n")
}

// rotated reports whether another file has the name of the log since the last call.
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
		return false, nil
	}
	if !f.left {
		f.left = true
		return false, nil
	}
	return true, nil
}

// Close closes the log.
func (f *File) Close() error { return f.file.Close() }
