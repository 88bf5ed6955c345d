package warc

import (
	"bytes"
	"errors"
	"io"
)

// A Part is a part of a WARC file: a record, or damage.
type Part struct {
	Type   string // WARC-Type in lower case; "" if the part is damaged
	Record Record // if the type is "request"; its body is valid until the next call
	Damage error  // why the part is not a record, or nil
	Offset int64  // of its beginning, in bytes of the uncompressed file
	Len    int64  // bytes
}

// A Stream reads a WARC file of any program from front to back, of the versions 0.17 to 1.1, uncompressed or with
// gzip, record by record (ISO 28500, annex D) or as a whole. It holds one request at a time, of at most MaxHead and
// MaxBlock, and skips records of other types. It is for one goroutine.
type Stream struct {
	from   io.Reader
	zip    *members // from, or nil without gzip
	starts []int64  // where members begin in the window or at its end, ascending
	window []byte   // bytes that were read and not yet consumed
	buf    []byte   // the memory of the window
	off    int64    // of the window
	end    error    // that ended from, or a member of it
}

// NewStream returns a stream of the records of r.
func NewStream(r io.Reader) *Stream {
	from, zip := unpack(r)
	return &Stream{from: from, zip: zip}
}

// Next returns the next part. Its error is io.EOF at the end, or that of r.
func (s *Stream) Next() (Part, error) {
	for s.fill(1) && (s.window[0] == '\r' || s.window[0] == '\n') {
		s.pass(1)
	}
	if len(s.window) == 0 {
		end := s.end
		if !s.gap() {
			return Part{}, end
		}
		s.end = nil
		return Part{Damage: end, Offset: s.off}, nil
	}
	p := Part{Offset: s.off}
	head := s.head()
	if head < 0 {
		return s.skip(p, s.why("the header is damaged"))
	}
	kind, length, err := scanHead(s.window[:head])
	switch {
	case err != nil:
		return s.skip(p, err)
	case kind != "request":
		return s.passOver(p, kind, int64(head), length)
	case length > MaxBlock:
		return s.skip(p, corrupt(0, "a request of %d bytes, over the limit of %d", length, MaxBlock))
	}
	if isForeign(s.window[:head]) {
		return s.nextForeign(p, head, head+int(length))
	}
	n := head + int(length) + 4
	// One byte more: only behind its end a gzip member shows that it was whole.
	s.fill(n + 1)
	switch {
	case s.failed():
		return Part{}, s.end
	case len(s.window) < n:
		return s.skip(p, s.why("the record is cut short"))
	case len(s.window) == n && s.end == errMember && s.memberFrom(n) < 0:
		p.Damage, p.Len = s.end, int64(n)
		s.end = nil
		s.pass(n)
		return p, nil
	}
	r, size, err := Parse(s.window)
	var damage *CorruptError
	if err != nil && !(errors.As(err, &damage) && damage.Len > 0) {
		return s.skip(p, err)
	}
	p.Len = int64(size)
	if p.Damage = err; err == nil {
		p.Type, p.Record = kind, r
	}
	s.pass(size)
	return p, nil
}

// nextForeign is Next for a request of another program, whose block is between head and n. The empty lines behind it
// may be missing.
func (s *Stream) nextForeign(p Part, head, n int) (Part, error) {
	s.fill(n + 4 + len(magic))
	switch {
	case s.failed():
		return Part{}, s.end
	case len(s.window) < n:
		return s.skip(p, s.why("the record is cut short"))
	}
	behind, whole := s.behind(n)
	switch {
	case !beginsRecord(behind):
		return s.skip(p, corrupt(0, "no record and no end of the file after the block"))
	case len(behind) == 0 && s.end == errMember && !whole:
		p.Damage, p.Len = s.end, int64(n)
		s.end = nil
		s.pass(len(s.window))
		return p, nil
	}
	p.Len = int64(n)
	r, err := parseForeign(s.window[:head], s.window[head:n])
	if p.Damage = err; err == nil {
		p.Type, p.Record = "request", r
	}
	s.pass(n)
	return p, nil
}

// head returns the length of the record's header, with the empty line behind it, or -1.
func (s *Stream) head() int {
	for want := 1 << 10; ; want *= 2 {
		more := s.fill(min(want, MaxHead))
		if !beginsRecord(s.window) {
			return -1
		}
		if n := endOfHead(s.window[:min(len(s.window), MaxHead)]); n != 0 {
			return n
		}
		if !more || want >= MaxHead {
			return -1
		}
	}
}

// passOver skips a record of another type.
func (s *Stream) passOver(p Part, kind string, head, length int64) (Part, error) {
	s.pass(int(head))
	for length > 0 && s.fill(1) {
		n := min(length, int64(len(s.window)))
		s.pass(int(n))
		length -= n
	}
	if length > 0 {
		if s.failed() {
			return Part{}, s.end
		}
		return s.skip(p, s.why("the record is cut short"))
	}
	s.fill(4 + len(magic))
	behind, whole := s.behind(0)
	switch {
	case s.failed():
		return Part{}, s.end
	case !beginsRecord(behind):
		return s.skip(p, corrupt(0, "no record and no end of the file after the block"))
	case len(behind) == 0 && s.end == errMember && !whole:
		p.Damage, s.end = s.end, nil
		s.pass(len(s.window))
	default:
		p.Type = kind
	}
	p.Len = s.off - p.Offset
	return p, nil
}

// behind returns the bytes of the window from n on without empty lines. If the member of the record that ends at n ends
// there too, whole is true, and the bytes of the next member are left out, since they may be damaged.
func (s *Stream) behind(n int) (b []byte, whole bool) {
	b = s.window[n:]
	if at := s.memberFrom(n); at >= 0 {
		b, whole = s.window[n:at], true
	}
	return bytes.TrimLeft(b, "\r\n"), whole
}

// memberFrom returns the index of the first gzip member that begins in the window at n or later, or at its end, or -1.
// All bytes before it are of members that are whole.
func (s *Stream) memberFrom(n int) int {
	for _, at := range s.starts {
		if i := int(at - s.off); i >= n {
			return i
		}
	}
	return -1
}

// skip skips a damaged part, up to where the next record may begin.
func (s *Stream) skip(p Part, why error) (Part, error) {
	p.Damage = why
	if s.off == p.Offset && len(s.window) > 0 {
		s.pass(1) // this is not its beginning
	}
	for {
		if i := nextRecord(s.window); i >= 0 {
			s.pass(i)
			break
		}
		s.pass(max(0, len(s.window)-len(magic)+1)) // its beginning may be the next one's
		if have := len(s.window); !s.fill(have+readSize) && len(s.window) == have {
			s.pass(have)
			break
		}
	}
	if s.failed() && len(s.window) == 0 {
		return Part{}, s.end
	}
	if s.gap() && len(s.window) == 0 {
		s.end = nil // this part has it
	}
	p.Len = s.off - p.Offset
	return p, nil
}

// why returns the reason, or the damage of the compression if there is one.
func (s *Stream) why(reason string) error {
	if s.gap() {
		return s.end
	}
	return corrupt(0, "%s", reason)
}

const readSize = 64 << 10

// fill reads until the window has n bytes, and reports whether it has. Before the end of a damaged gzip member it may
// have fewer; the bytes after it are another part.
func (s *Stream) fill(n int) bool {
	for len(s.window) < n && s.end == nil {
		if len(s.window) == cap(s.window) {
			if len(s.window) > cap(s.buf)/2 || s.buf == nil {
				// The memory grows with the bytes that have come, and not with the length that the header has.
				s.buf = make([]byte, max(readSize, min(n, 2*len(s.window))))
			}
			s.window = s.buf[:copy(s.buf, s.window)]
		}
		var got int
		got, s.end = s.from.Read(s.window[len(s.window):cap(s.window)])
		s.window = s.window[:len(s.window)+got]
		if s.zip != nil && (len(s.starts) == 0 || s.zip.start > s.starts[len(s.starts)-1]) {
			s.starts = append(s.starts, s.zip.start)
		}
	}
	return len(s.window) >= n
}

func (s *Stream) pass(n int) {
	s.window = s.window[n:]
	s.off += int64(n)
	for len(s.starts) > 1 && s.starts[0] < s.off {
		s.starts = s.starts[1:]
	}
}

// failed reports whether the reader failed. Damage is not a failure.
func (s *Stream) failed() bool {
	return s.end != nil && s.end != io.EOF && !s.gap()
}

// gap reports whether bytes are lost behind the window.
func (s *Stream) gap() bool { return s.end == errMember || s.end == errLost }
