// Package accesslog reads access logs of web servers as WARC files of requests, so that a collector imports them.
package accesslog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// maxLine is the longest line that is read, in bytes.
const maxLine = 64 << 10

// line matches a line of the combined log format, or of the common one, which has no referrer and user agent.
var line = regexp.MustCompile(`^(\S+) \S+ .*?\[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (?:\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?`)

const timeLayout = "02/Jan/2006:15:04:05 -0700"

// lineIDs is the name space of the ids of lines.
var lineIDs = uuid.MustParse("91c6a3c2-7f0e-5c55-9b1e-5f0b0f2f7d61")

// Counts are numbers of lines.
type Counts struct {
	Lines   int64 // that were read
	Skipped int64 // of other methods and statuses
	Damaged int64 // that are not in the format
}

// A Reader reads a log in the combined format, plain or with gzip, and returns a WARC file with a record for each
// GET that was answered with 2xx or 304. The same log gives the same ids each time. It is for one goroutine.
type Reader struct {
	Counts
	Reason error // of the first damaged line

	in       *bufio.Reader
	file     *File // that in reads, or nil for another reader
	restarts int   // of file, at the last line
	site     *url.URL
	record   []byte // the last one
	unread   []byte // of it, what Read has not returned
	partial  []byte // a line without its end
	skipping bool   // the rest of a line that is too long
	seen     [2]map[uuid.UUID]int
}

// NewReader returns a reader of a log of a site, whose scheme and host the records have. If the log grows, its last
// line is read when its end is there.
func NewReader(log io.Reader, site *url.URL, grows bool) (*Reader, error) {
	in := bufio.NewReaderSize(log, maxLine)
	if begin, _ := in.Peek(2); bytes.Equal(begin, []byte("\x1f\x8b")) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = bufio.NewReaderSize(z, maxLine)
	}
	if !grows { // the last line ends with the log
		in = bufio.NewReaderSize(io.MultiReader(in, strings.NewReader("\n")), maxLine)
	}
	r := &Reader{in: in, site: site, seen: [2]map[uuid.UUID]int{{}, {}}}
	r.file, _ = log.(*File)
	return r, nil
}

// Read returns io.EOF at the end of the log. When the log has grown, Read goes on.
func (r *Reader) Read(p []byte) (n int, err error) {
	if len(r.unread) == 0 {
		if r.unread, err = r.Next(); err != nil {
			return 0, err
		}
	}
	n = copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// Next returns the next record, which is valid until the next call. It returns io.EOF at the end of the log, and goes on
// when the log has grown.
func (r *Reader) Next() (record []byte, err error) {
	for {
		text, err := r.in.ReadSlice('\n')
		ended := err == nil
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return nil, err
		}
		if !r.skipping {
			r.partial = append(r.partial, text...)
		}
		if len(r.partial) > maxLine {
			r.damaged(fmt.Errorf("it is over %d bytes", maxLine))
			r.partial, r.skipping = nil, true
		}
		switch {
		case err == io.EOF:
			return nil, io.EOF
		case ended && r.skipping:
			r.skipping = false
		case ended:
			line := strings.TrimRight(string(r.partial), "\r\n")
			r.partial = r.partial[:0]
			if r.file != nil && r.file.restarts != r.restarts {
				// The file may still have lines that were read before: they get the same ids again.
				r.restarts, r.seen = r.file.restarts, [2]map[uuid.UUID]int{{}, {}}
			}
			if r.add(line) {
				return r.record, nil
			}
		}
	}
}

func (r *Reader) damaged(why error) {
	r.Lines++
	if r.Damaged++; r.Reason == nil {
		r.Reason = fmt.Errorf("line %d is not in the combined format: %w", r.Lines, why)
	}
}

// add makes the record of a line, and reports whether there is one.
func (r *Reader) add(text string) bool {
	if text == "" {
		return false
	}
	record, ok, err := r.parse(text)
	if ok {
		r.record, err = record.Append(r.record[:0])
	}
	if err != nil {
		r.damaged(err)
		return false
	}
	if r.Lines++; !ok {
		r.Skipped++
	}
	return ok
}

// parse returns the record of a line. ok is false for a line that is not a beacon.
func (r *Reader) parse(text string) (record warc.Record, ok bool, err error) {
	m := line.FindStringSubmatch(text)
	if m == nil {
		return record, false, errors.New(`want HOST IDENT USER [TIME] "REQUEST" STATUS SIZE "REFERRER" "USER AGENT"`)
	}
	address, stamp, request, referrer, agent := m[1], m[2], unescape(m[3]), unescape(m[5]), unescape(m[6])
	date, err := time.Parse(timeLayout, stamp)
	if err != nil {
		return record, false, err
	}
	words := strings.Split(request, " ")
	status, _ := strconv.Atoi(m[4])
	if len(words) != 3 || words[0] != http.MethodGet || status != http.StatusNotModified && status/100 != 2 {
		return record, false, nil
	}
	target := words[1]
	if !strings.HasPrefix(target, "/") {
		u, err := url.Parse(target)
		if err != nil || u.Host == "" {
			return record, false, nil // such as *
		}
		target = u.RequestURI()
	}
	record = warc.Record{
		// Not of the address: all addresses can be tried until one gives the id.
		ID: r.id(strings.Join([]string{r.site.Host, stamp, request, m[4], referrer, agent}, "\x00")), Date: date, Target: r.site.Scheme + "://" + r.site.Host + target,
		Request: warc.Request{Method: words[0], Target: target, Proto: words[2], Header: warc.Fields{{Name: "Host", Value: r.site.Host}}},
	}
	if a, err := netip.ParseAddr(address); err == nil {
		record.IP = a.String()
	}
	for _, f := range []warc.Field{{Name: "Referer", Value: referrer}, {Name: "User-Agent", Value: agent}} {
		if f.Value != "" && f.Value != "-" {
			record.Request.Header = append(record.Request.Header, f)
		}
	}
	return record, true, nil
}

// maxSeen bounds each of the maps of seen.
const maxSeen = 100_000

// id returns the id of a line: of its text, and of how many lines of the same text were before.
func (r *Reader) id(text string) uuid.UUID {
	id := uuid.NewSHA1(lineIDs, []byte(text))
	n := max(r.seen[0][id], r.seen[1][id])
	if len(r.seen[0]) >= maxSeen {
		r.seen = [2]map[uuid.UUID]int{{}, r.seen[0]}
	}
	r.seen[0][id] = n + 1
	if n > 0 {
		id = uuid.NewSHA1(id, strconv.AppendInt(nil, int64(n), 10))
	}
	return id
}

// unescape decodes the escapes of Apache and nginx, for quotes, backslashes and bytes that can't be printed. Line ends
// and NUL stay escaped, since a record can't have them.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if s[i+1] == 'x' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil && c != '\r' && c != '\n' && c != 0 {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		if s[i+1] == '"' || s[i+1] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
