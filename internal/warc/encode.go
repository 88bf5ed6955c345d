package warc

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

const (
	version     = "WARC/1.1"
	headDigest  = "Beacon-Head-Digest"
	blockType   = "application/http;msgtype=request"
	dateLayout  = "2006-01-02T15:04:05.000000Z"
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
	b = appendUUID(b, r.ID)
	b = append(b, ">\r\nWARC-Date: "...)
	b = r.Date.UTC().AppendFormat(b, dateLayout)
	b = append(b, "\r\nWARC-Target-URI: "...)
	b = append(b, r.Target...)
	if r.IP != "" {
		b = append(b, "\r\nWARC-IP-Address: "...)
		b = append(b, r.IP...)
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
	b = r.Request.append(b)
	putDigest(b[blockSum:], b[block:])
	putDecimal(b[length:length+10], len(b)-block)
	putDigest(b[headSum:], b[start:headEnd])
	return append(b, "\r\n\r\n"...), nil
}

func (q *Request) append(b []byte) []byte {
	b = append(b, q.Method...)
	b = append(b, ' ')
	b = append(b, q.Target...)
	b = append(b, ' ')
	b = append(b, q.Proto...)
	b = append(b, "\r\n"...)
	b = appendFields(b, q.Header)
	b = append(b, "\r\n"...)
	return append(b, q.Body...)
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

func appendUUID(b []byte, id [16]byte) []byte {
	const hex = "0123456789abcdef"
	for i, c := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, hex[c>>4], hex[c&15])
	}
	return b
}

func putDigest(at, of []byte) {
	s := strconv.FormatUint(uint64(crc32.Checksum(of, castagnoli)), 16)
	copy(at[digestLen-len(s):digestLen], s)
}

func putDecimal(at []byte, n int) {
	for i := len(at) - 1; i >= 0; i-- {
		at[i] = byte('0' + n%10)
		n /= 10
	}
}

// check refuses what Parse could not give back: a value that would end its line, a
// name that would end at another colon, a request line with a space too many.
func (r *Record) check() error {
	if len(r.Request.Body) > MaxBlock/2 {
		return fmt.Errorf("encode record: body of %d bytes is over the limit of %d", len(r.Request.Body), MaxBlock/2)
	}
	for _, v := range [...]string{r.Target, r.IP} {
		if !isValue(v) {
			return fmt.Errorf("encode record: %q can't stand in a header", v)
		}
	}
	q := &r.Request
	for _, v := range [...]string{q.Method, q.Target, q.Proto} {
		if v == "" || strings.ContainsAny(v, " \r\n\x00") {
			return fmt.Errorf("encode record: %q can't stand in a request line", v)
		}
	}
	size := len(r.Target)
	for _, f := range r.Extra {
		size += len(f.Name) + len(f.Value)
		if !strings.HasPrefix(f.Name, "Beacon-") || f.Name == headDigest || !isName(f.Name) || !isValue(f.Value) {
			return fmt.Errorf("encode record: %q: %q is not an extension field", f.Name, f.Value)
		}
	}
	if size > MaxHead/2 {
		return fmt.Errorf("encode record: header of %d bytes is over the limit of %d", size, MaxHead/2)
	}
	for _, f := range q.Header {
		if !isName(f.Name) || !isValue(f.Value) {
			return fmt.Errorf("encode record: %q: %q can't stand in a header", f.Name, f.Value)
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

func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == '\r' || c == '\n' || c == 0 {
			return false
		}
	}
	return true
}
