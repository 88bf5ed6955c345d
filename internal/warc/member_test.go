package warc

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"
)

// foreignNumbered returns a record of another program, whose request has the number in its body.
func foreignNumbered(n int) []byte {
	block := fmt.Sprintf("POST /x?n=%d HTTP/1.1\r\nHost: a.example\r\nUser-Agent: Mozilla/5.0 (%s)\r\n\r\n%d", n, uuid.NewSHA1(uuid.Nil, []byte{byte(n)}), n)
	return fmt.Appendf(nil, "WARC/1.0\r\nWARC-Type: request\r\nWARC-Target-URI: http://a.example/x?n=%d\r\nWARC-Date: 2026-11-22T06:20:11Z\r\nWARC-Record-ID: <urn:uuid:%s>\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n",
		n, uuid.NewSHA1(uuid.Nil, []byte{byte(n)}), len(block), block)
}

// Each record is a gzip member. All records are read, except that of the damaged member.
func TestStream_DamagedMember_LosesItsRecordOnly(t *testing.T) {
	const count = 10
	for kind, record := range map[string]func(n int) []byte{
		"ours":   func(n int) []byte { return encode(t, sample(fmt.Sprint(n))) },
		"theirs": foreignNumbered,
		"another type": func(n int) []byte {
			return bytes.Replace(foreignNumbered(n), []byte("WARC-Type: request"), fmt.Appendf(nil, "WARC-Type: %d", n), 1)
		},
	} {
		for at := range count {
			for name, damage := range map[string]func([]byte) []byte{
				"cut to 60 bytes": func(m []byte) []byte { return m[:60] },
				"cut to 10 bytes": func(m []byte) []byte { return m[:10] },
				"cut to 4 bytes":  func(m []byte) []byte { return m[:4] },
				"without its end": func(m []byte) []byte { return m[:len(m)-5] },
				"checksum":        func(m []byte) []byte { m[len(m)-8] ^= 1; return m },
				"flipped bit":     func(m []byte) []byte { m[len(m)/3] ^= 0x10; return m },
			} {
				var file []byte
				var want []string
				offset := int64(0)
				for n := range count {
					r := record(n)
					member := zip(t, r)
					if n < at {
						offset += int64(len(r))
					}
					if want = append(want, fmt.Sprint(n)); n == at {
						member = damage(member)
						want[n] = "damage"
					}
					file = append(file, member...)
				}
				for _, reader := range []io.Reader{bytes.NewReader(file), iotest.OneByteReader(bytes.NewReader(file))} {
					var got []string
					first := int64(-1)
					for s := NewStream(reader); ; {
						p, err := s.Next()
						if err == io.EOF {
							break
						}
						switch {
						case err != nil:
							t.Fatal(err)
						case p.Damage != nil:
							if first < 0 {
								first = p.Offset
							}
							if len(got) == 0 || got[len(got)-1] != "damage" {
								got = append(got, "damage")
							}
						case p.Type == "request":
							got = append(got, string(p.Record.Request.Body))
						default:
							got = append(got, p.Type)
						}
					}
					if strings.Join(got, " ") != strings.Join(want, " ") || first != offset {
						t.Errorf("%s, member %d %s: got %v, damage at byte %d, want %d", kind, at, name, got, first, offset)
					}
				}
			}
		}
	}
}

// A file of many beginnings of members, each of which takes 64 KiB of the file before its damage shows, takes linear time.
func TestMembers_ManyBeginnings_TakeLinearTime(t *testing.T) {
	begin := []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + "\x00\xff\xff\x00\x00") // a stored block of 65,535 bytes
	file := bytes.Repeat(begin, 1<<16)
	_, m := unpack(bytes.NewReader(file))
	buf := make([]byte, 1<<16)
	for {
		if _, err := m.Read(buf); err == io.EOF {
			break
		}
	}
	if m.out > 10*int64(len(file)) {
		t.Errorf("%d bytes were unpacked of a file of %d", m.out, len(file))
	}
}

// The records behind a damaged member of some MB are read.
func TestStream_LargeMemberIsCut_NextRecordsAreRead(t *testing.T) {
	random := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{}).Read(random)
	large := zip(t, foreign("response", string(random)))
	file := bytes.Join([][]byte{zip(t, foreignNumbered(1)), large[:len(large)/2], zip(t, foreignNumbered(2)), zip(t, foreignNumbered(3))}, nil)
	got := parts(t, bytes.NewReader(file))
	if n := len(got); n < 4 || got[0] != "1" || got[1] != "damage" || got[n-2] != "2" || got[n-1] != "3" {
		t.Errorf("got %.100q", got)
	}
}

// The whole record before a damaged member is read, whatever bytes that member gives.
func TestStream_DamagedMemberBeginsWithOtherBytes_RecordBeforeIsRead(t *testing.T) {
	text := zip(t, []byte(strings.Repeat("not a record ", 100)))
	file := append(zip(t, foreignNumbered(1)), text[:len(text)-8]...)
	if got := strings.Join(parts(t, bytes.NewReader(file)), " "); got != "1 damage" {
		t.Errorf("got %s, want 1 damage", got)
	}
}
