package warc

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// foreignIDs is the name space of the ids of records whose WARC-Record-ID is not a UUID.
var foreignIDs = uuid.MustParse("2f6b8f0e-35d1-5d0a-8f6b-7b3f4b1f9a52")

// isForeign reports whether a record's header lacks the digest that Append writes. Such a record can be of any
// version, and is read as tolerantly as web-archive programs read it.
func isForeign(head []byte) bool { return !bytes.Contains(head, []byte("\n"+headDigest+":")) }

// recordBegin is the beginning of a record of any version, which a digit follows.
const recordBegin = "WARC/"

// beginsRecord reports whether b begins as a record does, or, where it is shorter, may do so.
func beginsRecord(b []byte) bool {
	if len(b) <= len(recordBegin) {
		return strings.HasPrefix(recordBegin, string(b))
	}
	return bytes.HasPrefix(b, []byte(recordBegin)) && (b[len(recordBegin)] == '0' || b[len(recordBegin)] == '1')
}

// nextRecord returns the index at which a record may begin in b, or -1.
func nextRecord(b []byte) int {
	for from := 0; ; from++ {
		i := bytes.Index(b[from:], []byte(recordBegin))
		if from += i; i < 0 || len(b) == from+len(recordBegin) {
			return -1
		}
		if beginsRecord(b[from:]) {
			return from
		}
	}
}

// endOfHead returns the length of a header with the empty line behind it. Lines end in CRLF or in LF. It is 0 if b ends
// before the header does, and -1 if another record begins in it.
func endOfHead(b []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return 0
		}
		from += i + 1
		switch rest := b[from:]; {
		case bytes.HasPrefix(rest, []byte("\r\n")):
			return from + 2
		case bytes.HasPrefix(rest, []byte("\n")):
			return from + 1
		case bytes.HasPrefix(rest, []byte(recordBegin)):
			return -1
		}
	}
}

// fieldsOf returns the first line of a header, and its fields. A line that begins with white space continues the one
// before (RFC 9112, section 5.2). Lines without a colon are left out.
func fieldsOf(head []byte) (first string, fields Fields) {
	var value strings.Builder // of the last field
	end := func() {
		if n := len(fields); n > 0 {
			fields[n-1].Value = trim(value.String())
		}
		value.Reset()
	}
	for i, line := range strings.Split(strings.TrimRight(string(head), "\r\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch name, text, ok := strings.Cut(line, ":"); {
		case i == 0:
			first = line
		case line != "" && (line[0] == ' ' || line[0] == '\t'):
			value.WriteString(" " + trim(line))
		case ok:
			end()
			fields = append(fields, Field{Name: trim(name)})
			value.WriteString(text)
		}
	}
	end()
	return first, fields
}

// parseForeign returns the request of a record of another program.
func parseForeign(head, block []byte) (r Record, err error) {
	_, fields := fieldsOf(head)
	r.Target = strings.TrimSuffix(strings.TrimPrefix(fields.Get("WARC-Target-URI"), "<"), ">")
	r.IP = fields.Get("WARC-IP-Address")
	date := fields.Get("WARC-Date")
	var ok bool
	if r.Date, ok = parseDate(date); !ok {
		return r, corrupt(0, "WARC-Date %q", date)
	}
	for _, f := range fields {
		if strings.HasPrefix(f.Name, "Beacon-") {
			r.Extra = append(r.Extra, f)
		}
	}
	id := strings.TrimSuffix(strings.TrimPrefix(fields.Get("WARC-Record-ID"), "<"), ">")
	if r.ID, err = uuid.Parse(id); err != nil || r.ID == uuid.Nil {
		// The same record has the same id each time.
		sum := sha256.New()
		if io.WriteString(sum, id); id == "" || r.ID == uuid.Nil && err == nil {
			io.WriteString(sum, date+" "+r.Target+" ")
			sum.Write(block)
		}
		r.ID = uuid.NewSHA1(foreignIDs, sum.Sum(nil))
	}
	if sum, ok := strings.CutPrefix(fields.Get("WARC-Block-Digest"), digestLabel); ok && !sameDigest(sum, block) {
		return r, corrupt(0, "block digest does not match") // a record of ours whose header is damaged
	}
	end := endOfHead(block[:min(len(block), MaxHead)])
	if end <= 0 {
		return r, corrupt(0, "no end of the HTTP header")
	}
	line, header := fieldsOf(block[:end])
	words := strings.Fields(line)
	if len(words) < 2 || len(words) > 3 {
		return r, corrupt(0, "HTTP request line %.80q", line)
	}
	q := &r.Request
	if q.Method, q.Target, q.Proto = words[0], words[1], "HTTP/1.1"; len(words) == 3 {
		q.Proto = words[2]
	}
	q.Header, q.Body = header, block[end:]
	codings := strings.ToLower(strings.Join(header.Values("Transfer-Encoding"), ","))
	if rest, ok := strings.CutSuffix(codings, "chunked"); ok {
		if body, ok := unchunked(q.Body); ok {
			q.Body = body
			q.Header = header.Without("Transfer-Encoding")
			if rest = strings.Trim(rest, " \t,"); rest != "" && header.Get("Content-Encoding") == "" {
				q.Header = append(q.Header, Field{"Content-Encoding", rest}) // such as gzip, chunked
			}
		}
	}
	return r, nil
}

// unchunked returns a body without its chunked framing (RFC 9112, section 7.1). Many programs keep the header of a
// body whose framing they have undone; then ok is false.
func unchunked(framed []byte) (body []byte, ok bool) {
	in := bytes.NewReader(framed)
	body, err := io.ReadAll(httputil.NewChunkedReader(in))
	return body, err == nil
}

// dateLayouts are the forms of a date of any precision (WARC 1.1, section 5.4), and others that programs write.
var dateLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02", "2006-01", "2006", "20060102150405"}

func parseDate(text string) (date time.Time, ok bool) {
	for _, layout := range dateLayouts {
		if date, err := time.Parse(layout, text); err == nil && date.Year() >= 1 && date.Year() <= 9999 {
			return date, true
		}
	}
	return date, false
}

// scanHead returns the WARC-Type and the Content-Length of a record of any type.
func scanHead(head []byte) (kind string, length int64, err error) {
	_, fields := fieldsOf(head)
	kind = strings.ToLower(fields.Get("WARC-Type"))
	text := fields.Get("Content-Length")
	length, err = strconv.ParseInt(text, 10, 64)
	switch {
	case kind == "" || text == "":
		return "", 0, corrupt(0, "no WARC-Type or no Content-Length")
	case err != nil || length < 0:
		return "", 0, corrupt(0, "Content-Length %q", text)
	}
	return kind, length, nil
}
