package warc

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

var magic = []byte("WARC/1.")

// Next returns the index in b at which the next record may begin, or -1. The caller parses it to find
// out, because a body can contain the same bytes.
func Next(b []byte) int { return bytes.Index(b, magic) }

// Parse reads the record at the beginning of b and returns it with its length in bytes. The record's
// strings are copies; its body is a slice of b.
//
// The error is [ErrShort] if b ends before the record does, else a [*CorruptError]. If that has a Len,
// the record's header is valid and is returned.
func Parse(b []byte) (r Record, n int, err error) {
	if len(b) < len(magic) {
		if bytes.HasPrefix(magic, b) {
			return r, 0, ErrShort
		}
		return r, 0, corrupt(0, "does not begin with %q", magic)
	}
	if !bytes.HasPrefix(b, magic) {
		return r, 0, corrupt(0, "does not begin with %q", magic)
	}
	end := bytes.Index(b[:min(len(b), MaxHead)], []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) >= MaxHead {
			return r, 0, corrupt(0, "header over %d bytes", MaxHead)
		}
		return r, 0, ErrShort
	}
	length, digest, headChecked, err := r.parseHead(b[:end+2])
	block := end + 4
	n = block + length + 4
	switch {
	case length >= 0 && len(b) < n:
		return r, 0, ErrShort
	case err != nil && length >= 0:
		return r, n, err // a whole record, of another type
	case err != nil:
		return r, 0, err
	}
	body := b[block : block+length]
	blockChecked := false
	if sum, ok := strings.CutPrefix(digest, digestLabel); ok {
		if blockChecked = sameDigest(sum, body); !blockChecked {
			// With the end mark in its place the length was right, and only this
			// record is damaged.
			if headChecked || endMark(b[block+length:n]) {
				return r, n, corrupt(n, "block digest does not match")
			}
			return r, 0, corrupt(0, "block digest does not match")
		}
	}
	if !blockChecked && !endMark(b[block+length:n]) {
		return r, 0, corrupt(0, "no end mark after the block")
	}
	if err := r.Request.parse(body); err != nil {
		return r, n, corrupt(n, "%v", err)
	}
	return r, n, nil
}

func endMark(b []byte) bool { return string(b) == "\r\n\r\n" }

func sameDigest(sum string, of []byte) bool {
	want, err := strconv.ParseUint(sum, 16, 32)
	return err == nil && uint32(want) == crc32.Checksum(of, castagnoli)
}

// parseHead reads the record's header lines. length is the length of the block in bytes, or -1 if the
// header is damaged. checked means that the header has a digest, and that it matches.
func (r *Record) parseHead(head []byte) (length int, blockDigest string, checked bool, err error) {
	length = -1
	kind, id := "", ""
	// One string, of which all the values are parts.
	text := string(head)
	_, lines, _ := strings.Cut(text, "\r\n")
	if lines == "" {
		return -1, "", false, corrupt(0, "empty header")
	}
	for lines != "" {
		at := len(text) - len(lines)
		var line string
		line, lines = cutLine(lines)
		colon := strings.IndexByte(line, ':')
		if colon < 0 {
			return -1, "", false, corrupt(0, "header line without a colon")
		}
		n, v := line[:colon], trim(line[colon+1:])
		switch canonical(n) {
		case "warc-type":
			kind = strings.ToLower(v)
		case "warc-record-id":
			id = v
		case "warc-date":
			if r.Date, err = time.Parse(time.RFC3339Nano, v); err != nil {
				return -1, "", false, corrupt(0, "WARC-Date %q", v)
			}
		case "warc-target-uri":
			// Some writers put it in angle brackets, as WARC 1.0 showed it.
			r.Target = strings.TrimSuffix(strings.TrimPrefix(v, "<"), ">")
		case "warc-ip-address":
			r.IP = v
		case "warc-block-digest":
			blockDigest = v
		case "content-length":
			l, err := strconv.ParseUint(v, 10, 63)
			if err != nil || l > MaxBlock {
				return -1, "", false, corrupt(0, "Content-Length %q", v)
			}
			length = int(l)
		case "beacon-head-digest":
			sum, _ := strings.CutPrefix(v, digestLabel)
			if checked = sameDigest(sum, head[:at]); !checked {
				return -1, "", false, corrupt(0, "header digest does not match")
			}
		default:
			if strings.HasPrefix(n, "Beacon-") {
				if r.Extra == nil {
					r.Extra = make(Fields, 0, 6)
				}
				r.Extra = append(r.Extra, Field{n, v})
			}
		}
	}
	if length < 0 {
		return -1, "", false, corrupt(0, "no Content-Length")
	}
	if r.ID, err = uuid.Parse(strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">")); err != nil {
		return -1, "", false, corrupt(0, "WARC-Record-ID %q", id)
	}
	if kind != "request" {
		return length, "", false, corrupt(len(head)+2+length+4, "a record of type %q, not a request", kind)
	}
	return length, blockDigest, checked, nil
}

// cutLine is strings.Cut at a CRLF. It searches for one byte, which is several times as fast.
func cutLine(s string) (line, rest string) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '\n')
		if i < 0 {
			return s, ""
		}
		if at := from + i; at > 0 && s[at-1] == '\r' {
			return s[:at-1], s[at+1:]
		}
		from += i + 1
	}
}

// trim is strings.Trim of spaces and tabs, in half the time.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// canonical returns a name in lower case. The names that Append writes take no allocation.
func canonical(name string) string {
	switch name {
	case "WARC-Type":
		return "warc-type"
	case "WARC-Record-ID":
		return "warc-record-id"
	case "WARC-Date":
		return "warc-date"
	case "WARC-Target-URI":
		return "warc-target-uri"
	case "WARC-IP-Address":
		return "warc-ip-address"
	case "WARC-Block-Digest":
		return "warc-block-digest"
	case "Content-Length":
		return "content-length"
	case headDigest:
		return "beacon-head-digest"
	}
	if strings.HasPrefix(name, "Beacon-") && len(name) != len(headDigest) {
		return name // of an extension field
	}
	return strings.ToLower(name)
}

func (q *Request) parse(block []byte) error {
	end := bytes.Index(block, []byte("\r\n\r\n"))
	if end < 0 {
		return errors.New("no end of the HTTP header")
	}
	line, rest, _ := strings.Cut(string(block[:end]), "\r\n")
	// The target stands between the first space and the last: it is kept as it
	// came, and http.ReadRequest would refuse some that browsers accept.
	first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
	if first < 1 || last <= first+1 || last == len(line)-1 {
		return fmt.Errorf("HTTP request line %q", line[:min(len(line), 80)])
	}
	q.Method, q.Target, q.Proto = line[:first], line[first+1:last], line[last+1:]
	q.Header = make(Fields, 0, strings.Count(rest, "\r\n")+1)
	for rest != "" {
		line, rest = cutLine(rest)
		colon := strings.IndexByte(line, ':')
		if colon < 0 {
			return fmt.Errorf("HTTP header line %q", line[:min(len(line), 80)])
		}
		q.Header = append(q.Header, Field{line[:colon], trim(line[colon+1:])})
	}
	q.Body = block[end+4:]
	return nil
}
