package warc

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"
)

const (
	version     = "WARC/1.1"
	headDigest  = "Beacon-Head-Digest"
	blockType   = "application/http;msgtype=request"
	digestLabel = "crc32c:"
	digestLen   = len(digestLabel) + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends the whole record to b: what goes to disk in one write. Its error
// is a field that could not be read back, such as a value with a line break in it;
// b is then returned as it was.
func (r *Record) Append(b []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return b, err
	}
	start := len(b)
	b = append(b, version+"\r\nWARC-Type: request\r\nWARC-Record-ID: <urn:uuid:"...)
	b = AppendUUID(b, r.ID)
	b = append(b, ">\r\nWARC-Date: "...)
	b = AppendTime(b, r.Date)
	b = append(b, "\r\nWARC-Target-URI: "...)
	b = append(b, r.Target...)
	lines := 10 + len(r.Extra)
	if r.IP != "" {
		b = append(b, "\r\nWARC-IP-Address: "...)
		b = append(b, r.IP...)
		lines++
	}
	b = append(b, "\r\nContent-Type: "+blockType+"\r\n"...)
	b = appendFields(b, r.Extra)

	// The block's digest and length, and the header's digest, are known only once
	// the block is written; their widths are fixed, so they are filled in behind.
	b = append(b, "WARC-Block-Digest: "...)
	blockSum := len(b)
	b = append(b, digestLabel+"00000000\r\nContent-Length: "...)
	length := len(b)
	b = append(b, "0000000000\r\n"...)
	headEnd := len(b)
	b = append(b, headDigest+": "...)
	headSum := len(b)
	b = append(b, digestLabel+"00000000\r\n\r\n"...)

	block := len(b)
	b = r.Request.appendHead(b)
	lines += 2 + len(r.Request.Header)
	if !hasLines(b[start:], lines) {
		return b[:start], errors.New("encode record: a line break or NUL in a value")
	}
	b = append(b, r.Request.Body...)
	putDigest(b[blockSum:], b[block:])
	putDecimal(b[length:length+10], len(b)-block)
	putDigest(b[headSum:], b[start:headEnd])
	return append(b, "\r\n\r\n"...), nil
}

var lineFeed, carriageReturn = []byte{'\n'}, []byte{'\r'}

// hasLines says whether head has so many lines and no stray part of a line break: a value
// with one in it would be read back as another header.
func hasLines(head []byte, n int) bool {
	return bytes.Count(head, lineFeed) == n && bytes.Count(head, carriageReturn) == n && bytes.IndexByte(head, 0) < 0
}

func (q *Request) appendHead(b []byte) []byte {
	b = append(b, q.Method...)
	b = append(b, ' ')
	b = append(b, q.Target...)
	b = append(b, ' ')
	b = append(b, q.Proto...)
	b = append(b, "\r\n"...)
	b = appendFields(b, q.Header)
	return append(b, "\r\n"...)
}

func appendFields(b []byte, fs Fields) []byte {
	for _, f := range fs {
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
	}
	return b
}

// AppendUUID appends the id in its usual form, 36 bytes.
func AppendUUID(b []byte, id [16]byte) []byte {
	const hex = "0123456789abcdef"
	for i, c := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, hex[c>>4], hex[c&15])
	}
	return b
}

// AppendTime appends t in UTC to the microsecond, as RFC 3339 has it, 27 bytes.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, time.RFC3339)
	}
	b = append(b, "0000-00-00T00:00:00.000000Z"...)
	at := b[len(b)-27:]
	putDecimal(at[0:4], year)
	putDecimal(at[5:7], int(month))
	putDecimal(at[8:10], day)
	putDecimal(at[11:13], hour)
	putDecimal(at[14:16], minute)
	putDecimal(at[17:19], second)
	putDecimal(at[20:26], t.Nanosecond()/1000)
	return b
}

func putDigest(at, of []byte) {
	const hex = "0123456789abcdef"
	sum := crc32.Checksum(of, castagnoli)
	for i := digestLen - 1; i >= len(digestLabel); i-- {
		at[i] = hex[sum&15]
		sum >>= 4
	}
}

func putDecimal(at []byte, n int) {
	for i := len(at) - 1; i >= 0; i-- {
		at[i] = byte('0' + n%10)
		n /= 10
	}
}

// check refuses what Parse could not give back and hasLines does not see: a name that
// would end at another colon, a request line with a space too many, too large a record.
func (r *Record) check() error {
	q := &r.Request
	if len(q.Body) > MaxBlock/2 {
		return fmt.Errorf("encode record: body of %d bytes is over the limit of %d", len(q.Body), MaxBlock/2)
	}
	if q.Method == "" || q.Target == "" || q.Proto == "" || strings.IndexByte(q.Method, ' ') >= 0 || strings.IndexByte(q.Target, ' ') >= 0 || strings.IndexByte(q.Proto, ' ') >= 0 {
		return fmt.Errorf("encode record: %q %q %q is no request line", q.Method, q.Target, q.Proto)
	}
	size := len(r.Target)
	for _, f := range r.Extra {
		size += len(f.Name) + len(f.Value)
		if !strings.HasPrefix(f.Name, "Beacon-") || f.Name == headDigest || !isName(f.Name) {
			return fmt.Errorf("encode record: %q is no extension field", f.Name)
		}
	}
	if size > MaxHead/2 {
		return fmt.Errorf("encode record: header of %d bytes is over the limit of %d", size, MaxHead/2)
	}
	for _, f := range q.Header {
		if !isName(f.Name) {
			return fmt.Errorf("encode record: %q can't be the name of a header", f.Name)
		}
	}
	return nil
}

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == ':' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}
