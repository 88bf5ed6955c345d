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

// What a body may inflate to, in bytes: so many times its size, but for small ones, and
// so many in all.
const (
	maxInflated = 8 << 20
	maxRatio    = 200
	smallBody   = 64 << 10

	maxCodings = 4       // one around the other
	maxWindow  = 8 << 20 // what RFC 9659 lets zstd have in HTTP
)

// codings are the content codings of a request (RFC 9110, section 8.4), in the order in
// which they were applied.
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

// inflate takes the codings that the header names from the body, and then those that
// its first bytes show, if it may look at them: pages can't set the header with
// sendBeacon, and compress all the same. guessed says that it did find one there.
func inflate(body []byte, named []string, look bool) (text []byte, guessed bool, err error) {
	if len(named) > maxCodings {
		return nil, false, fmt.Errorf("the body is compressed %d times, more than %d", len(named), maxCodings)
	}
	limit := min(max(maxRatio*len(body), smallBody), maxInflated)
	for _, coding := range slices.Backward(named) {
		if body, err = undo(coding, body, limit); err != nil {
			return nil, false, err
		}
	}
	for range maxCodings - len(named) {
		coding := codingOf(body)
		if !look || coding == "" {
			break
		}
		inner, err := undo(coding, body, limit)
		if coding == "deflate" && !errors.As(err, new(*tooLargeError)) && (err != nil || !isText(inner)) {
			break // its two bytes are also how a text can begin
		}
		if err != nil {
			return nil, true, err
		}
		body, guessed = inner, true
	}
	return body, guessed, nil
}

// codingOf is what the first bytes say, or "". Brotli and bare deflate have none.
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

// isZlib looks at the header of RFC 1950, section 2.2, of the usual window and without a
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

// inflated has the memory that bodies are inflated in, so that one that is too large leaves
// nothing for the garbage collector.
var inflated = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func undo(coding string, body []byte, limit int) (text []byte, err error) {
	// A bug of a library's that one beacon finds would end the collector again and
	// again: whoever reads the inbox next comes to the same beacon.
	defer func() {
		if p := recover(); p != nil {
			text, err = nil, fmt.Errorf("the %s body is broken: %v", coding, p)
		}
	}()
	r, err := reader(coding, body)
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
	}
	switch {
	case len(text) > limit, errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return nil, &tooLargeError{coding, limit}
	case err == io.ErrUnexpectedEOF, err == io.EOF:
		return nil, fmt.Errorf("the %s body is cut short", coding)
	case err == errNoCoding:
		return nil, fmt.Errorf("the body's Content-Encoding %s is not supported, only gzip, deflate, br and zstd", valid(coding))
	case err != nil:
		return nil, fmt.Errorf("the %s body is broken: %w", coding, err)
	}
	return text, nil
}

var errNoCoding = errors.New("no such coding")

func reader(coding string, body []byte) (io.ReadCloser, error) {
	in := bytes.NewReader(body)
	switch coding {
	case "gzip":
		return gzip.NewReader(in)
	case "deflate":
		// It is zlib's format, but some send what is inside of that (RFC 9110, section 8.4.1.2).
		if isZlib(body) {
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
