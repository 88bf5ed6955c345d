package query

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A frame is one byte of type, four bytes of length (big-endian) and the payload. Package convert uses
// frames too.
const frameHead = 1 + 4

// BeginFrame appends the head of a frame. The caller appends the payload and calls EndFrame.
func BeginFrame(dst []byte, kind byte) []byte { return append(dst, kind, 0, 0, 0, 0) }

// EndFrame sets the length of the frame that b consists of, and returns b.
func EndFrame(b []byte) []byte {
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-frameHead))
	return b
}

// ReadFrame reads a frame with a payload of at most limit bytes. The error is io.EOF only if r ends
// before the frame.
func ReadFrame(r io.Reader, limit int) (kind byte, payload []byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if int64(n) > int64(limit) {
		return 0, nil, fmt.Errorf("read frame %q: %d bytes are more than %d", head[0], n, limit)
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return head[0], payload, nil
}
