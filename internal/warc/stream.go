package warc

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// A Part is what stands at one place of a WARC file: a record, or damage.
type Part struct {
	Type   string // WARC-Type in lower case; "" where it is damaged
	Record Record // where the type is "request"; its body is valid until the next call
	Damage error  // why it is no record, or nil
	Offset int64  // where it begins, in bytes of what was unpacked
	Len    int64  // bytes
}

// A Stream reads a WARC file of any writer from front to back, plain or gzip'ed, record by
// record (ISO 28500, annex D) or as a whole. It holds one request at a time, of at most
// MaxHead and MaxBlock; records of other types are passed over. It is for one goroutine.
type Stream struct {
	from   io.Reader
	window []byte // what was read and is not yet passed over
	buf    []byte // the memory of the window
	off    int64  // of the window
	end    error  // what ended from, or a member of it
}

// NewStream returns a stream of what r has.
func NewStream(r io.Reader) *Stream { return &Stream{from: unpack(r)} }

// Next returns the next part. Its error is io.EOF at the end, or what r failed with.
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
	n := head + int(length) + 4
	// One byte more: only behind its end a gzip member shows that it was whole.
	s.fill(n + 1)
	switch {
	case s.failed():
		return Part{}, s.end
	case len(s.window) < n:
		return s.skip(p, s.why("the record is cut short"))
	case len(s.window) == n && s.end == errMember:
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

// head is the length of the record's header, with the empty line behind it, or -1.
func (s *Stream) head() int {
	for want := 1 << 10; ; want *= 2 {
		more := s.fill(min(want, MaxHead))
		if i := bytes.Index(s.window[:min(len(s.window), MaxHead)], []byte("\r\n\r\n")); i >= 0 {
			return i + 4
		}
		if !more || want >= MaxHead || !bytes.HasPrefix(s.window, magic) {
			return -1
		}
	}
}

// scanHead reads what says where a record of any type ends.
func scanHead(head []byte) (kind string, length int64, err error) {
	if !bytes.HasPrefix(head, magic) {
		return "", 0, corrupt(0, "does not begin with %q", magic)
	}
	length = -1
	_, lines := cutLine(string(head[:len(head)-4]))
	for lines != "" {
		var line string
		line, lines = cutLine(lines)
		name, value, _ := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		switch canonical(name) {
		case "warc-type":
			kind = strings.ToLower(value)
		case "content-length":
			if length, err = strconv.ParseInt(value, 10, 64); err != nil || length < 0 {
				return "", 0, corrupt(0, "Content-Length %q", value)
			}
		}
	}
	if kind == "" || length < 0 {
		return "", 0, corrupt(0, "no WARC-Type or no Content-Length")
	}
	return kind, length, nil
}

// passOver passes over a record that is not looked into.
func (s *Stream) passOver(p Part, kind string, head, length int64) (Part, error) {
	s.pass(int(head))
	for length > 0 && s.fill(1) {
		n := min(length, int64(len(s.window)))
		s.pass(int(n))
		length -= n
	}
	if s.fill(5); s.failed() {
		return Part{}, s.end
	}
	switch {
	case len(s.window) == 4 && s.end == errMember:
		p.Damage, s.end = s.end, nil
	case length > 0 || len(s.window) < 4:
		return s.skip(p, s.why("the record is cut short"))
	case !endMark(s.window[:4]):
		return s.skip(p, corrupt(0, "no end mark after the block"))
	}
	if s.pass(4); p.Damage == nil {
		p.Type = kind
	}
	p.Len = s.off - p.Offset
	return p, nil
}

// skip passes over what is damaged, up to where the next record may begin.
func (s *Stream) skip(p Part, why error) (Part, error) {
	p.Damage = why
	if s.off == p.Offset && len(s.window) > 0 {
		s.pass(1) // this one is none
	}
	for {
		if i := Next(s.window); i >= 0 {
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
		s.end = nil // it is said in this part
	}
	p.Len = s.off - p.Offset
	return p, nil
}

// why is the reason where it isn't the packing's.
func (s *Stream) why(reason string) error {
	if s.gap() {
		return s.end
	}
	return corrupt(0, "%s", reason)
}

const readSize = 64 << 10

// fill has the window hold n bytes, if there are so many. Up to the end of a damaged gzip
// member there may be fewer; what follows begins anew.
func (s *Stream) fill(n int) bool {
	for len(s.window) < n && s.end == nil {
		if len(s.window) == cap(s.window) {
			if len(s.window) > cap(s.buf)/2 || s.buf == nil {
				// A length is believed as far as bytes have come.
				s.buf = make([]byte, max(readSize, min(n, 2*len(s.window))))
			}
			s.window = s.buf[:copy(s.buf, s.window)]
		}
		var got int
		got, s.end = s.from.Read(s.window[len(s.window):cap(s.window)])
		s.window = s.window[:len(s.window)+got]
	}
	return len(s.window) >= n
}

func (s *Stream) pass(n int) {
	s.window = s.window[n:]
	s.off += int64(n)
}

// failed says whether the reader failed, in a way that is no damage.
func (s *Stream) failed() bool {
	return s.end != nil && s.end != io.EOF && !s.gap()
}

// gap says whether something is lost behind the window.
func (s *Stream) gap() bool { return s.end == errMember || s.end == errLost }
