package spool

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An Outcome is the final state of a beacon.
type Outcome string

const (
	Delivered Outcome = "delivered" // the server answered that it has it
	Refused   Outcome = "refused"   // the server answered that it does not want it
	Expired   Outcome = "expired"   // no server took it in time
	Corrupt   Outcome = "corrupt"   // it was damaged on disk
	Purged    Outcome = "purged"    // the user does not want to be tracked
	Dropped   Outcome = "dropped"   // the user dropped it
)

var outcomes = [...]Outcome{Delivered, Refused, Expired, Corrupt, Purged, Dropped}

// A Tally counts beacons by outcome.
type Tally map[Outcome]int64

// A key identifies a finished record of a segment: by its id, or by its offset if the id can't be read.
type key struct {
	id  uuid.UUID
	off int64
}

func keyOf(it item) key {
	if it.err != nil {
		return key{off: it.off}
	}
	return key{id: it.record.ID}
}

func (k key) append(b []byte) []byte {
	if k.id != uuid.Nil {
		return warc.AppendUUID(b, k.id)
	}
	return strconv.AppendInt(append(b, '@'), k.off, 10)
}

func parseKey(s string) (key, bool) {
	if at, ok := strings.CutPrefix(s, "@"); ok {
		off, err := strconv.ParseInt(at, 10, 64)
		return key{off: off}, err == nil && off >= 0
	}
	id, err := uuid.Parse(s)
	return key{id: id}, err == nil && id != uuid.Nil
}

// A ledger is the file beside a segment with a line for each finished record: "<id> <outcome> <detail>".
type ledger struct {
	fs   fileSystem
	path string
	done map[key]Outcome
	file file   // open while lines are added
	text []byte // of the lines to be written, to be used again
}

func ledgerPath(segmentPath string) string {
	return strings.TrimSuffix(segmentPath, segmentExt) + ledgerExt
}

// loadLedger reads the ledger of a segment. It skips lines that are cut short or invalid: their beacons are
// delivered again, under the same key.
func loadLedger(fsys fileSystem, segmentPath string) (*ledger, error) {
	l := &ledger{fs: fsys, path: ledgerPath(segmentPath), done: map[key]Outcome{}}
	text, err := readAll(fsys, l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, wrap("read ledger", err)
	}
	for line := range bytes.Lines(text) {
		name, rest, _ := strings.Cut(string(line), " ")
		word, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		k, ok := parseKey(name)
		for _, o := range outcomes {
			if ok && word == string(o) {
				l.done[k] = o
			}
		}
	}
	return l, nil
}

// finish writes the outcome of records, in one write(2).
func (l *ledger) finish(o Outcome, detail string, records ...key) error {
	if l.file == nil {
		if err := l.open(); err != nil {
			return wrap("open ledger", err)
		}
	}
	l.text = l.text[:0]
	text := " " + outcomeText(o, detail) + "\n"
	for _, k := range records {
		l.text = append(k.append(l.text), text...)
	}
	if _, err := l.file.Write(l.text); err != nil {
		l.close() // what was written of a line is ended when it is opened again
		return wrap("append to ledger", err)
	}
	for _, k := range records {
		l.done[k] = o
	}
	return nil
}

// open opens the file, and ends a line that a killed deliverer left unfinished.
func (l *ledger) open() error {
	f, err := l.fs.Open(l.path, os.O_CREATE|os.O_RDWR|os.O_APPEND)
	if err != nil {
		return err
	}
	var last [1]byte
	if size, err := f.Size(); err == nil && size > 0 {
		if _, err := f.ReadAt(last[:], size-1); err == nil && last[0] != '\n' {
			if _, err := f.Write([]byte("\n")); err != nil {
				f.Close()
				return err
			}
		}
	}
	l.file = f
	return nil
}

func (l *ledger) close() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// outcomeText returns one line. Control characters in the detail become spaces.
func outcomeText(o Outcome, detail string) string {
	if detail == "" {
		return string(o)
	}
	return string(o) + " " + strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, detail)
}

func readAll(fsys fileSystem, path string) ([]byte, error) {
	f, err := fsys.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
}
