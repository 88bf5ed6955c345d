package warc

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

// What of a gzip'ed file is lost; reading goes on at the next member.
var (
	errMember = errors.New("the gzip member is damaged")
	errLost   = errors.New("what should be a gzip member is none")
)

// members unpacks gzip'ed members one after the other. One Read returns bytes of one member only.
type members struct {
	from  *source
	gz    *gzip.Reader
	open  bool
	lost  bool  // what follows is a part of what was said to be damaged
	out   int64 // bytes that Read has returned
	start int64 // of the last member, in bytes of what Read returns
}

// A source remembers how it failed: what the decompressor makes of that looks like damage. It also keeps the last bytes
// that were consumed, because the decompressor reads over the end of a damaged member into the next ones.
// It has ReadByte, so that the decompressor takes no byte behind the end of a whole member.
type source struct {
	r      io.Reader
	err    error  // that is not io.EOF
	eof    bool   // r has ended
	buf    []byte // the consumed bytes that are kept, and those that are not consumed yet
	pos    int    // of the first byte in buf that is not consumed
	member int    // of the beginning of the last member in buf, or 0 where that is not kept
	came   int64  // bytes that r returned
	again  int64  // bytes that back returned to
}

// keepSwallowed is how many consumed bytes a source keeps, at least. A stored block, which has no checks, has 64 KiB.
const keepSwallowed = 256 << 10

// fill reads until there are n bytes that are not consumed, and reports whether there are.
func (s *source) fill(n int) bool {
	for len(s.buf)-s.pos < n && s.err == nil && !s.eof {
		if s.buf == nil {
			s.buf = make([]byte, 0, readSize)
		}
		if len(s.buf) == cap(s.buf) {
			if gone := s.pos - keepSwallowed; gone > 0 {
				s.buf = s.buf[:copy(s.buf, s.buf[gone:])]
				s.pos, s.member = s.pos-gone, max(0, s.member-gone)
			}
			if len(s.buf) > cap(s.buf)/2 {
				s.buf = append(make([]byte, 0, 2*cap(s.buf)), s.buf...)
			}
		}
		got, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+got]
		s.came += int64(got)
		if s.eof = err == io.EOF; !s.eof {
			s.err = err
		}
	}
	return len(s.buf)-s.pos >= n
}

// peek returns the next n bytes, or fewer before the end.
func (s *source) peek(n int) []byte {
	s.fill(n)
	return s.buf[s.pos:min(s.pos+n, len(s.buf))]
}

func (s *source) Read(p []byte) (int, error) {
	if len(p) > 0 && !s.fill(1) {
		return 0, s.ended()
	}
	n := copy(p, s.buf[s.pos:])
	s.pos += n
	return n, nil
}

func (s *source) ReadByte() (byte, error) {
	if s.pos == len(s.buf) && !s.fill(1) {
		return 0, s.ended()
	}
	b := s.buf[s.pos]
	s.pos++
	return b, nil
}

func (s *source) ended() error {
	if s.err != nil {
		return s.err
	}
	return io.EOF
}

// back goes back to behind the first byte of the last member, or of what is kept of it. It does nothing when that would
// take more than linear time, as in a file of many beginnings of members.
func (s *source) back() {
	to := s.member + 1
	if n := int64(s.pos - to); n > 0 && s.again+n <= 4*s.came+keepSwallowed {
		s.again += n
		s.pos = to
	}
}

var gzipMagic = []byte{0x1f, 0x8b, 8}

// unpack returns what r has, unpacked where that begins as gzip. m is nil if it does not.
func unpack(r io.Reader) (unpacked io.Reader, m *members) {
	from := &source{r: r}
	if !bytes.Equal(from.peek(len(gzipMagic)), gzipMagic) {
		return from, nil
	}
	m = &members{from: from}
	return m, m
}

func (m *members) Read(p []byte) (int, error) {
	n, err := m.read(p)
	m.out += int64(n)
	return n, err
}

func (m *members) read(p []byte) (int, error) {
	for {
		if !m.open {
			if err := m.next(); err != nil {
				return 0, err
			}
		}
		n, err := m.gz.Read(p)
		if err == nil {
			return n, nil
		}
		m.open = false
		switch {
		case m.from.err != nil:
			return n, m.from.err
		case err != io.EOF:
			m.lost = true
			m.from.back()
			return n, errMember
		case n > 0:
			return n, nil
		}
	}
}

// next begins the next member.
func (m *members) next() error {
	for {
		begin := m.from.peek(len(gzipMagic))
		switch {
		case m.from.err != nil:
			return m.from.err
		case len(begin) == 0:
			return io.EOF
		case bytes.Equal(begin, gzipMagic):
			m.from.member = m.from.pos
			if m.reset() == nil {
				m.open, m.lost, m.start = true, false, m.out
				return nil
			}
			if m.from.err == nil {
				m.from.back()
			}
		default:
			m.from.pos++
		}
		if m.from.err == nil && !m.lost {
			m.lost = true
			return errLost
		}
	}
}

func (m *members) reset() (err error) {
	if m.gz == nil {
		m.gz, err = gzip.NewReader(m.from)
	} else {
		err = m.gz.Reset(m.from)
	}
	if err == nil {
		m.gz.Multistream(false)
	}
	return err
}
