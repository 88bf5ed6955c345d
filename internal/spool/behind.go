package spool

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

// Behind says how far c is behind the inbox's end: how many bytes are between them, and when
// the record at c was received. That is the zero time where there is none, or it is damaged.
func (in *Inbox) Behind(c Cursor) (bytes int64, since time.Time, err error) {
	names, err := listSegments(in.fs, in.dir)
	if err != nil {
		return 0, since, wrap("look at inbox", err)
	}
	for _, name := range names {
		if name < c.Segment {
			continue
		}
		size, err := in.limit(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // trimmed meanwhile
		}
		if err != nil {
			return 0, since, err
		}
		if bytes += size; name == c.Segment {
			bytes -= c.Offset
		}
	}
	r := in.Reader(c)
	defer r.Close()
	it, err := r.TryNext()
	if err == io.EOF {
		return bytes, since, nil
	}
	return bytes, it.Record.Date, err
}
