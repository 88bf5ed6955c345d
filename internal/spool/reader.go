package spool

import (
	"errors"
	"io"
	"slices"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	readAhead = 256 << 10
	// maxRaw bounds the bytes of a damaged stretch that are handed on.
	maxRaw = 1 << 20
)

// An item is what stands at one place of a segment: a record, or a damaged stretch.
type item struct {
	record   warc.Record // its body is valid until the next call
	off, end int64
	err      error  // why it is not a record
	raw      []byte // its bytes, of a damaged stretch the first; valid until the next call
}

// A reader goes through one segment from front to back.
type reader struct {
	file   file
	max    int    // bytes of the largest record that is believed
	off    int64  // where the next item begins
	window []byte // the bytes of the file from off on
	buf    []byte
	failed error // why the record at off is damaged, once that is known
}

// next returns the next item before limit. io.EOF says there is none (yet); whole says
// that nothing will be written to the segment any more, which is when a cut-short end
// can be told from a record that is still being written.
func (r *reader) next(limit int64, whole bool) (item, error) {
	for r.failed == nil {
		if r.off >= limit {
			r.window, r.buf = nil, nil // many segments may be followed, and few of them grow
			return item{}, io.EOF
		}
		record, n, err := warc.Parse(r.window)
		var damage *warc.CorruptError
		switch {
		case err == nil:
			return r.take(item{record: record, raw: r.window[:n]}, n), nil
		case errors.Is(err, warc.ErrShort):
			if more, err := r.read(limit); err != nil {
				return item{}, err
			} else if more {
				continue
			}
			if !whole && len(r.window) < r.max {
				// What was seen of an unfinished record may still be taken back.
				r.window, r.buf = nil, nil
				return item{}, io.EOF
			}
			r.failed = err
		case errors.As(err, &damage) && damage.Len > 0:
			return r.take(item{record: record, err: err, raw: r.window[:min(damage.Len, maxRaw)]}, damage.Len), nil
		default:
			r.failed = err
		}
	}
	return r.skip(limit, whole)
}

// skip looks for the next whole record behind a damaged one. Bytes in a body that look
// like a record could be taken for one here: they came from whoever sent the body, who
// could have sent that beacon as well.
func (r *reader) skip(limit int64, whole bool) (item, error) {
	at := 1
	for {
		if i := warc.Next(r.window[min(at, len(r.window)):]); i >= 0 {
			at += i
			_, _, err := warc.Parse(r.window[at:])
			var damage *warc.CorruptError
			if err == nil || errors.As(err, &damage) && damage.Len > 0 {
				return r.damaged(at), nil
			}
			if !errors.Is(err, warc.ErrShort) {
				at++
				continue
			}
		}
		more, err := r.read(limit)
		switch {
		case err != nil:
			return item{}, err
		case more:
		case warc.Next(r.window[min(at, len(r.window)):]) >= 0:
			at++ // it is cut short itself; perhaps there is one inside
		case len(r.window) >= r.max:
			return r.damaged(len(r.window)), nil
		case !whole:
			r.window = nil
			return item{}, io.EOF
		case errors.Is(r.failed, warc.ErrShort):
			r.off, r.window, r.failed = limit, nil, nil // cut short by its writer's end
			return item{}, io.EOF
		default:
			return r.damaged(len(r.window)), nil
		}
	}
}

func (r *reader) damaged(n int) item {
	it := item{err: r.failed, raw: r.window[:min(n, maxRaw)]}
	if errors.Is(r.failed, warc.ErrShort) {
		it.err = &warc.CorruptError{Reason: "record is cut short, and others follow it"}
	}
	r.failed = nil
	return r.take(it, n)
}

func (r *reader) take(it item, n int) item {
	it.off, it.end = r.off, r.off+int64(n)
	r.off, r.window = it.end, r.window[n:]
	return it
}

// read enlarges the window; more is false where the limit or the largest window is
// reached.
func (r *reader) read(limit int64) (more bool, err error) {
	have := len(r.window)
	want := int(min(limit-r.off, int64(r.max), int64(max(2*have, readAhead))))
	if want <= have {
		return false, nil
	}
	// The window may not move within its buffer while a caller holds a slice of it,
	// but between two calls it may.
	if cap(r.buf) < want {
		r.buf = slices.Grow([]byte(nil), want)
	}
	copy(r.buf[:have], r.window)
	n, err := r.file.ReadAt(r.buf[have:want], r.off+int64(have))
	r.window = r.buf[:have+n]
	if err == io.EOF {
		err = nil
	}
	return n > 0, wrap("read segment", err)
}

func (r *reader) close() {
	if r.file != nil {
		r.file.Close()
	}
	*r = reader{off: r.off}
}
