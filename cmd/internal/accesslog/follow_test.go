package accesslog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// logLine returns a line. All lines have the same length.
func logLine(n int) string {
	return fmt.Sprintf(`203.0.113.7 - - [10/Oct/2026:13:55:%02d +0000] "GET /?n=%02[1]d HTTP/1.0" 200 2326 "-" "-"`+"\n", n)
}

func logLines(from, to int) (text string) {
	for n := from; n <= to; n++ {
		text += logLine(n)
	}
	return text
}

// A followed log that is read by hand.
type followed struct {
	t    *testing.T
	path string
	r    *Reader
	got  []string // the queries of the records
	ids  map[uuid.UUID]int
}

func follow(t *testing.T, text string) *followed {
	f := &followed{t: t, path: filepath.Join(t.TempDir(), "access.log"), ids: map[uuid.UUID]int{}}
	f.write(text)
	file, err := Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if f.r, err = NewReader(file, site, true); err != nil {
		t.Fatal(err)
	}
	return f
}

// write truncates the log, or makes it, and writes text.
func (f *followed) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *followed) append(text string) {
	f.t.Helper()
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = io.WriteString(file, text)
		file.Close()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *followed) rotate(text string) {
	f.t.Helper()
	if err := os.Rename(f.path, f.path+fmt.Sprint(".", f.r.Lines)); err != nil {
		f.t.Fatal(err)
	}
	f.write(text)
}

// poll reads to the end, as often as it takes to go on with a rotated log.
func (f *followed) poll() {
	f.t.Helper()
	for range 3 {
		for {
			record, err := f.r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				f.t.Fatal(err)
			}
			p, _, err := warc.Parse(record)
			if err != nil {
				f.t.Fatal(err)
			}
			f.ids[p.ID]++
			f.got = append(f.got, strings.TrimLeft(strings.TrimPrefix(p.Request.Target, "/?n="), "0"))
		}
	}
}

func (f *followed) want(words string, damaged int64) {
	f.t.Helper()
	got := slices.Clone(f.got)
	if strings.Join(got, " ") != words || f.r.Damaged != damaged || f.r.Lines != int64(len(got))+damaged {
		f.t.Errorf("got %v and %+v, want %s and %d damaged", got, f.r.Counts, words, damaged)
	}
}

func TestFollow_OldLogEndsWithoutLineEnd_BothLinesAreRead(t *testing.T) {
	f := follow(t, logLine(1)+strings.TrimSuffix(logLine(2), "\n"))
	f.poll()
	f.rotate(logLines(3, 4))
	f.poll()
	f.want("1 2 3 4", 0)
}

func TestFollow_OldLogEndsWithinALine_LineIsCountedAsDamaged(t *testing.T) {
	f := follow(t, logLine(1)+logLine(2)[:30])
	f.poll()
	f.want("1", 0)
	f.rotate(logLines(3, 4))
	f.poll()
	f.want("1 3 4", 1)
	f.append(logLine(5)[:30])
	f.poll()
	f.write(logLines(6, 6)) // truncated within a line
	f.poll()
	f.want("1 3 4 6", 2)
}

func TestFollow_LongLineIsNotFinished_NewLogIsRead(t *testing.T) {
	f := follow(t, logLine(1)+strings.Repeat("x", 3*maxLine))
	f.poll()
	f.rotate(logLines(3, 4))
	f.poll()
	f.want("1 3 4", 1)
}

func TestFollow_TruncatedLogIsLongerThanBefore_EachLineIsRead(t *testing.T) {
	for name, x := range map[string]struct{ before, after, want string }{
		"more lines":         {logLines(1, 3), logLines(4, 8), "1 2 3 4 5 6 7 8"},
		"as many lines":      {logLines(1, 3), logLines(4, 6), "1 2 3 4 5 6"},
		"fewer lines":        {logLines(1, 3), logLine(4), "1 2 3 4"},
		"the same first":     {logLine(1) + logLine(2), logLine(1) + logLines(3, 5), "1 2 1 3 4 5"},
		"the same last":      {logLine(1) + logLine(2), logLine(3) + logLine(2) + logLine(4), "1 2 3 2 4"},
		"much more":          {logLines(1, 50), logLines(51, 59) + strings.Repeat(logLine(59), 60), ""},
		"unfinished before":  {logLine(1) + strings.TrimSpace(logLine(2)), logLines(3, 6), "1 2 3 4 5 6"},
		"nothing, then more": {logLines(1, 3), "", "1 2 3"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			f := follow(t, x.before)
			f.poll()
			f.write(x.after)
			f.poll()
			want := x.want
			if want == "" {
				want = strings.Join(f.got, " ")
				if len(f.got) != 50+9+60 {
					t.Errorf("got %d lines: %v", len(f.got), f.got)
				}
			}
			f.want(want, 0)
		})
	}
}

func TestFollow_LogIsShortenedAtItsBeginning_LinesHaveTheirIDsAgain(t *testing.T) {
	f := follow(t, logLines(1, 5))
	f.poll()
	f.write(logLines(3, 9))
	f.poll()
	f.want("1 2 3 4 5 3 4 5 6 7 8 9", 0)
	if len(f.ids) != 9 {
		t.Errorf("got %d ids for 9 lines: a line would be two rows", len(f.ids))
	}
}

func TestFollow_EachByteIsAppendedByItself_LinesAreRead(t *testing.T) {
	f := follow(t, "")
	for _, c := range logLines(1, 3) {
		f.append(string(c))
		f.poll()
	}
	f.want("1 2 3", 0)
	if n := f.r.file.restarts; n != 0 {
		t.Errorf("the file was read %d times from its beginning", n)
	}
}
