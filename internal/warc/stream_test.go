package warc

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"
)

// foreign returns a record as other programs write it.
func foreign(kind, block string) []byte {
	return fmt.Appendf(nil, "WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: <http://example.com/%s>\r\nwarc-date: 2026-11-22T06:20:11Z\r\nWARC-Record-ID: <urn:uuid:%s>\r\n"+
		"WARC-IP-Address: 198.51.100.7\r\nWARC-Block-Digest: sha1:UZY6ND6CCHXETFVJD2MSS7ZENMWF7KQ2\r\nContent-Type: application/http;msgtype=%s\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n",
		kind, kind, uuid.NewSHA1(uuid.Nil, []byte(kind+block)), kind, len(block), block)
}

const get = "GET /p.gif?x=1 HTTP/1.1\r\nHost: example.com\r\n\r\n"

// parts returns the parts of a file in words.
func parts(t testing.TB, r io.Reader) (words []string) {
	t.Helper()
	for s := NewStream(r); ; {
		p, err := s.Next()
		if err == io.EOF {
			return words
		}
		switch {
		case err != nil:
			return append(words, "error: "+err.Error())
		case p.Damage != nil:
			words = append(words, "damage")
		case p.Type == "request":
			words = append(words, string(p.Record.Request.Body))
		default:
			words = append(words, p.Type)
		}
	}
}

func zip(t testing.TB, members ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, m := range members {
		w := gzip.NewWriter(&b)
		w.Write(m)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestStream_EachFile_IsRead(t *testing.T) {
	one, two := encode(t, sample("one")), encode(t, sample("two"))
	info, response := foreign("warcinfo", "software: x\r\n"), foreign("response", strings.Repeat("WARC/1.1\r\nWARC-Type: request\r\n", 100_000))
	request := foreign("request", get+"theirs")
	flipped := bytes.Clone(one)
	flipped[len(flipped)-5] ^= 1
	wrong := bytes.Clone(info) // its length is one too few
	wrong = bytes.Replace(wrong, []byte("Content-Length: 13"), []byte("Content-Length: 12"), 1)
	wrong = bytes.Replace(wrong, []byte("software: x\r\n"), []byte("software: xyz"), 1)
	huge := bytes.Replace(bytes.Clone(request), fmt.Appendf(nil, "Content-Length: %d", len(get+"theirs")), []byte("Content-Length: 67108865"), 1)
	lie := bytes.Replace(huge, []byte("67108865"), []byte("1000000"), 1)
	member := zip(t, one)
	bad := bytes.Clone(member)
	bad[len(bad)/2] ^= 0xff
	checksum := bytes.Clone(member)
	checksum[len(checksum)-6] ^= 1
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, ""},
		{"ours", join(one, two), "one two"},
		{"theirs", join(info, request, response, two), "warcinfo theirs response two"},
		{"a type in capitals", join(bytes.Replace(request, []byte("WARC-Type: request"), []byte("WARC-Type: REQUEST"), 1), two), "theirs two"},
		{"empty lines between", join(one, []byte("\r\n\r\n"), two, []byte("\n\n")), "one two"},
		{"a flipped bit", join(one, flipped, two), "one damage two"},
		{"text before and between", join([]byte("hello"), one, []byte("WARC/1.1 is a format"), two), "damage one damage two"},
		{"a length that is wrong", join(one, wrong, two), "one damage two"},
		{"cut short in the block", join(one, two[:len(two)-6]), "one damage"},
		{"cut short in the header", join(one, two[:30]), "one damage"},
		{"cut short in what is passed over", join(one, response[:1<<20]), "one damage"},
		{"a request that is too large", join(huge[:len(huge)-4], make([]byte, MaxBlock+1-len(get+"theirs")), []byte("\r\n\r\n"), two), "damage two"},
		{"a length that is a lie", join(lie, one, two), "damage one two"},
		{"a header without an end", join(one, []byte("WARC/1.1\r\nX: "), bytes.Repeat([]byte("x"), MaxHead), two), "one damage two"},
		{"members", zip(t, one, info, two), "one warcinfo two"},
		{"one member", zip(t, join(one, info, two)), "one warcinfo two"},
		{"a record in two members", zip(t, one[:50], one[50:]), "one"},
		{"a damaged member", join(member, bad, zip(t, two)), "one damage two"},
		{"a member that fails its checksum", join(member, checksum, zip(t, two)), "one damage two"},
		{"a skipped one that fails it", join(zip(t, info)[:len(zip(t, info))-8], make([]byte, 8), zip(t, two)), "damage two"},
		{"garbage between members", join(member, []byte("garbage"), zip(t, two)), "one damage two"},
		{"a member that is cut short", join(member, member[:len(member)-9]), "one damage"},
		{"a member's header that is cut short", join(member, member[:7]), "one damage"},
		{"an empty member", join(member, zip(t, nil), zip(t, two)), "one two"},
	} {
		if got := strings.Join(parts(t, bytes.NewReader(c.file)), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if len(c.file) < 1<<20 {
			if got := strings.Join(parts(t, iotest.OneByteReader(bytes.NewReader(c.file))), " "); got != c.want {
				t.Errorf("%s, byte by byte: %s, want %s", c.name, got, c.want)
			}
		}
	}
}

func TestStream_ReaderFails_ReturnsItsError(t *testing.T) {
	failed := errors.New("the line is dead")
	for _, file := range [][]byte{encode(t, sample("one")), zip(t, encode(t, sample("one"))), foreign("response", strings.Repeat("x", 100_000))} {
		for _, n := range []int{0, 1, 20, len(file) / 2, len(file) - 1, len(file)} {
			got := parts(t, io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(failed)))
			if last := len(got) - 1; last < 0 || got[last] != "error: "+failed.Error() || n < len(file) && last > 0 {
				t.Errorf("after %d bytes of %d: %q", n, len(file), got)
			}
		}
	}
}

func FuzzStream(f *testing.F) {
	one, response := encode(f, sample("one")), foreign("response", "HTTP/1.1 200 OK\r\n\r\n")
	f.Add(bytes.Join([][]byte{one, response, foreign("request", get), one[:40], one}, nil))
	f.Add(zip(f, one, response, one))
	f.Fuzz(func(t *testing.T, file []byte) {
		end := int64(0)
		for s := NewStream(bytes.NewReader(file)); ; {
			p, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.Offset < end || p.Len < 0 || p.Len == 0 && p.Damage == nil {
				t.Fatalf("after %d: %+v", end, p)
			}
			end = p.Offset + p.Len
			if p.Type == "request" {
				if _, err := p.Record.Append(nil); err != nil {
					continue // a value that we would not write
				}
			}
			if cap(s.buf) > MaxHead+2*len(file)+2*readSize {
				t.Fatalf("%d bytes are held for a file of %d", cap(s.buf), len(file))
			}
		}
		if !bytes.HasPrefix(file, gzipMagic) && len(bytes.Trim(file[end:], "\r\n")) > 0 {
			t.Fatalf("nothing is said of what follows %d of %d bytes", end, len(file))
		}
	})
}
