package row

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// Limits of decompression. A body may inflate to maxRatio times its size or to smallBody bytes, whichever is more, and
// to maxInflated bytes at most.
const (
	maxInflated = 8 << 20
	maxRatio    = 200
	smallBody   = 64 << 10

	maxCodings = 4       // one around the other
	maxWindow  = 8 << 20 // of zstd, in bytes (RFC 9659)
)

// codings are the content codings of a request (RFC 9110, section 8.4), in the order in which they were applied.
func codings(header warc.Fields) (all []string) {
	for _, f := range header {
		if !strings.EqualFold(f.Name, "Content-Encoding") {
			continue
		}
		for coding := range strings.SplitSeq(f.Value, ",") {
			if coding = strings.ToLower(strings.Trim(coding, space)); coding != "" && coding != "identity" {
				all = append(all, strings.TrimPrefix(coding, "x-"))
			}
		}
	}
	return all
}

// inflate undoes the codings that the header names, and then those that the first bytes show, if it may look at them:
// pages can't set the header with sendBeacon, and compress all the same. guessed reports whether it found one there.
// note is about a label that is wrong, and about bytes behind the end. The text has room bytes at most.
func inflate(body []byte, named []string, look bool, room int) (text []byte, guessed bool, note, err error) {
	if len(named) > maxCodings {
		return nil, false, nil, fmt.Errorf("the body is compressed %d times, more than %d", len(named), maxCodings)
	}
	limit := min(max(maxRatio*len(body), smallBody), room)
	for _, coding := range slices.Backward(named) {
		inner, extra, err := undo(coding, body, limit)
		var tooLarge *tooLargeError
		switch {
		case err == nil:
			body, note = inner, joined(note, extra)
		case errors.As(err, &tooLarge):
			return nil, false, nil, err
		case isText(body) || codingOf(body) != "" && codingOf(body) != coding:
			look, note = true, joined(note, fmt.Errorf("the body is not in its Content-Encoding, %s", valid(coding)))
		default:
			return nil, false, nil, joined(note, err)
		}
	}
	for range maxCodings - len(named) {
		coding := codingOf(body)
		if !look || coding == "" {
			break
		}
		inner, extra, err := undo(coding, body, limit)
		if coding == "deflate" && !errors.As(err, new(*tooLargeError)) && (err != nil || !isText(inner)) {
			break // its two bytes are also how a text can begin
		}
		if err != nil {
			return nil, true, nil, joined(note, err)
		}
		body, guessed, note = inner, true, joined(note, extra)
	}
	return body, guessed, note, nil
}

// codingOf returns the coding that the first bytes show, or "". Brotli and bare deflate show none.
func codingOf(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\x1f\x8b\x08")): // RFC 1952, section 2.3
		return "gzip"
	case bytes.HasPrefix(b, []byte("\x28\xb5\x2f\xfd")): // RFC 8878, section 3.1.1
		return "zstd"
	case isZlib(b):
		return "deflate"
	}
	return ""
}

// isZlib reports whether b begins with the header of RFC 1950, section 2.2, with the usual window and without a
// dictionary.
func isZlib(b []byte) bool {
	return len(b) >= 2 && b[0] == 0x78 && b[1]&0x20 == 0 && binary.BigEndian.Uint16(b)%31 == 0
}

type tooLargeError struct {
	coding string
	limit  int
}

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the %s body inflates to more than %d bytes and is left as it is", e.coding, e.limit)
}

// inflated has buffers for decompression, so that a body that is too large leaves nothing for the garbage collector.
var inflated = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// undo undoes one coding. note is about bytes behind the end of the compressed data.
func undo(coding string, body []byte, limit int) (text []byte, note, err error) {
	// A bug of a library that one beacon triggers would end the collector again and again, because each reader of
	// the inbox comes to the same beacon.
	defer func() {
		if p := recover(); p != nil {
			text, err = nil, fmt.Errorf("the %s body is broken: %v", coding, p)
		}
	}()
	in := bytes.NewReader(body)
	r, err := reader(coding, in)
	if err == nil {
		defer r.Close()
		buf := inflated.Get().(*bytes.Buffer)
		defer inflated.Put(buf)
		buf.Reset()
		buf.Grow(limit + 1 + bytes.MinRead) // at once, as growing leaves as much again behind
		_, err = buf.ReadFrom(io.LimitReader(r, int64(limit)+1))
		if text = buf.Bytes(); len(text) <= limit {
			text = bytes.Clone(text)
		}
		switch n := in.Len(); {
		case errors.Is(err, zstd.ErrMagicMismatch) && len(text) > 0: // a frame is followed by something else
			err, note = nil, errors.New("bytes behind the end of the zstd body are ignored")
		case err == nil && len(text) <= limit && !isZero(body[len(body)-n:]):
			note = fmt.Errorf("%d bytes behind the end of the %s body are ignored", n, coding)
		}
	}
	switch {
	case len(text) > limit, errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return nil, nil, &tooLargeError{coding, limit}
	case err == io.ErrUnexpectedEOF, err == io.EOF:
		return nil, nil, fmt.Errorf("the %s body is cut short", coding)
	case err == errNoCoding:
		return nil, nil, fmt.Errorf("the body's Content-Encoding %s is not supported, only gzip, deflate, br and zstd", valid(coding))
	case err != nil:
		return nil, nil, fmt.Errorf("the %s body is broken: %w", coding, err)
	}
	return text, note, nil
}

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

var errNoCoding = errors.New("no such coding")

func reader(coding string, in *bytes.Reader) (io.ReadCloser, error) {
	switch coding {
	case "gzip":
		r, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		return &members{r, in}, nil
	case "deflate":
		// It is zlib's format, but some send the bare deflate data inside it (RFC 9110, section 8.4.1.2).
		var begin [2]byte
		if in.ReadAt(begin[:], 0); isZlib(begin[:]) {
			return zlib.NewReader(in)
		}
		return flate.NewReader(in), nil
	case "br":
		return io.NopCloser(brotli.NewReader(in)), nil
	case "zstd":
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxInflated))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, errNoCoding
}

// members reads the members of a gzip file, and ends before bytes that are not another member (RFC 1952, section 2.2).
type members struct {
	*gzip.Reader
	in *bytes.Reader
}

func (m *members) Read(p []byte) (int, error) {
	m.Multistream(false)
	n, err := m.Reader.Read(p)
	if err != io.EOF {
		return n, err
	}
	var magic [3]byte
	if m.in.ReadAt(magic[:], m.in.Size()-int64(m.in.Len())); codingOf(magic[:]) != "gzip" {
		return n, io.EOF
	}
	if err := m.Reset(m.in); err != nil {
		return n, err
	}
	return n, nil
}
