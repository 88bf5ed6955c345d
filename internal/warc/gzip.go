package warc

import (
	"bufio"
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

// members unpacks gzip'ed members one after the other.
type members struct {
	from *source
	r    *bufio.Reader // of from; the decompressor takes no byte too many of it
	gz   *gzip.Reader
	open bool
	lost bool // what follows is a part of what was said to be damaged
}

// A source remembers how it failed: what the decompressor makes of that looks like damage.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

var gzipMagic = []byte{0x1f, 0x8b, 8}

// unpack returns what r has, unpacked where that begins as gzip.
func unpack(r io.Reader) io.Reader {
	from := &source{r: r}
	buffered := bufio.NewReaderSize(from, readSize)
	if begin, _ := buffered.Peek(len(gzipMagic)); !bytes.Equal(begin, gzipMagic) {
		return buffered
	}
	return &members{from: from, r: buffered}
}

func (m *members) Read(p []byte) (int, error) {
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
			return n, errMember
		case n > 0:
			return n, nil
		}
	}
}

// next begins the next member.
func (m *members) next() error {
	for {
		begin, err := m.r.Peek(len(gzipMagic))
		switch {
		case m.from.err != nil:
			return m.from.err
		case len(begin) == 0:
			return err // io.EOF
		case bytes.Equal(begin, gzipMagic):
			m.lost = false
			if m.reset() == nil {
				m.open = true
				return nil
			}
		default:
			m.r.Discard(1)
		}
		if m.from.err == nil && !m.lost {
			m.lost = true
			return errLost
		}
	}
}

func (m *members) reset() (err error) {
	if m.gz == nil {
		m.gz, err = gzip.NewReader(m.r)
	} else {
		err = m.gz.Reset(m.r)
	}
	if err == nil {
		m.gz.Multistream(false)
	}
	return err
}
