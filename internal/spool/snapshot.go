package spool

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A Snapshot reads the records that an inbox had at one moment, as one WARC file of Size bytes. It
// is complete even if segments are deleted meanwhile. It is for one goroutine.
type Snapshot struct {
	io.Reader
	Size int64

	files []file
}

// Snapshot opens all segments of the inbox. The caller closes the result.
func (in *Inbox) Snapshot() (*Snapshot, error) {
	names, err := listSegments(in.fs, in.dir)
	if err != nil {
		return nil, wrap("read inbox", err)
	}
	s := &Snapshot{}
	var parts []io.Reader
	for _, name := range names {
		// The size first: a segment never becomes shorter.
		size, err := in.limit(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // Trim has deleted it
		}
		if err == nil {
			var f file
			if f, err = in.fs.Open(filepath.Join(in.dir, name), os.O_RDONLY); errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err == nil {
				s.files = append(s.files, f)
				parts = append(parts, io.NewSectionReader(f, 0, size))
				s.Size += size
			}
		}
		if err != nil {
			s.Close()
			return nil, wrap("read inbox", err)
		}
	}
	s.Reader = io.MultiReader(parts...)
	return s, nil
}

// Close closes the files.
func (s *Snapshot) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
