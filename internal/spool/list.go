package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A Listed is a record of an outbox that waits, or one in dead/.
type Listed struct {
	Record  warc.Record // its body is valid until the next one
	Size    int64       // bytes of the record
	Outcome Outcome     // "" while it waits
	Detail  string      // the reason of the outcome
}

// List calls each for the records of an outbox that wait, oldest segment first, and then, if dead is true,
// for those in dead/, until each returns false. A deliverer may run meanwhile. Damaged records are left out.
// The error names segments that could not be read.
func List(dir string, dead bool, each func(*Listed) bool) error {
	fsys := osFS{}
	var unread []error
	list := func(path string, waits bool, each func(*Listed) bool) (more bool) {
		more, err := listSegment(fsys, path, waits, each)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may be deleted meanwhile
			unread = append(unread, err)
		}
		return more
	}
	// While segments are merged, their records are found twice: in the small segment and in the merged one, in
	// either order.
	listed := map[uuid.UUID]bool{}
	listOnce := func(name string) (more bool) {
		path := filepath.Join(dir, name)
		pid, _ := writerOf(name)
		info, err := os.Lstat(path)
		twice := pid == noWriter || err == nil && info.Size() < smallSegment
		return list(path, true, func(l *Listed) bool {
			if listed[l.Record.ID] {
				return true
			}
			if twice {
				listed[l.Record.ID] = true
			}
			return each(l)
		})
	}
	more := true
	var listErr error
	err := steady(fsys, dir, func(t tallyFile) (check bool) {
		unread = nil
		var names []string
		names, listErr = listSegments(fsys, dir)
		for _, name := range names {
			if more && !t.retired[name] {
				more = listOnce(name)
			}
		}
		return more
	})
	if err != nil {
		return err
	}
	if listErr != nil {
		return wrap("list outbox", listErr)
	}
	if !more || !dead {
		return errors.Join(unread...)
	}
	names, err := listSegments(fsys, filepath.Join(dir, deadName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		unread = append(unread, wrap("list dead/", err))
	}
	for _, name := range names {
		if !list(filepath.Join(dir, deadName, name), false, each) {
			break
		}
	}
	return errors.Join(unread...)
}

// listSegment calls each for the records of one file of an outbox that wait, or that are in dead/.
func listSegment(fsys fileSystem, path string, waits bool, each func(*Listed) bool) (more bool, err error) {
	_, more, err = unfinished(fsys, path, func(it item) bool {
		if it.err != nil {
			return true
		}
		listed := Listed{Record: it.record, Size: it.end - it.off}
		if !waits {
			word, detail, _ := strings.Cut(it.record.Extra.Get(outcomeField), " ")
			listed.Outcome, listed.Detail = Outcome(word), detail
		}
		return each(&listed)
	})
	return more, err
}

// unfinished calls each for the items of a segment without an outcome, until each returns false. It returns
// the outcomes of the others.
func unfinished(fsys fileSystem, path string, each func(item) bool) (done map[key]Outcome, more bool, err error) {
	f, err := fsys.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, true, wrap("open segment", err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, true, wrap("look at segment", err)
	}
	l, err := loadLedger(fsys, path) // a segment in dead/ has none
	if err != nil {
		return nil, true, err
	}
	r := reader{file: f, max: outboxRecord}
	for {
		it, err := r.next(size, true)
		if err != nil {
			return l.done, true, nil // the end of what can be read
		}
		if _, ended := l.done[keyOf(it)]; !ended && !each(it) {
			return l.done, false, nil
		}
	}
}

// Outcomes returns the outcome of the newest record that the process with this id appended to an outbox,
// with the detail and the record's URL. The outcome is "" while the record waits. The process must still
// have the outbox open.
func Outcomes(dir string, pid int) (o Outcome, detail, url string, err error) {
	names, err := listSegments(osFS{}, dir)
	if err != nil {
		return "", "", "", wrap("look at outbox", err)
	}
	for _, name := range slices.Backward(names) {
		if !strings.Contains(name, fmt.Sprintf("-%d-", pid)) {
			continue
		}
		path := filepath.Join(dir, name)
		if _, err := listSegment(osFS{}, path, true, func(l *Listed) bool { url = l.Record.Target; return true }); err != nil {
			return "", "", "", err
		}
		text, err := readAll(osFS{}, ledgerPath(path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", "", url, wrap("read ledger", err)
		}
		if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); url == "" && lines[0] != "" {
			_, rest, _ := strings.Cut(lines[len(lines)-1], " ")
			word, detail, _ := strings.Cut(rest, " ")
			return Outcome(word), detail, "", nil
		}
		return "", "", url, nil
	}
	return "", "", "", nil
}
