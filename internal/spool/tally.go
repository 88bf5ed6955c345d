package spool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tallyName is the file with the counts of beacons whose segments are deleted.
const tallyName = "tally"

// maxRounds bounds how often a busy outbox is read again.
const maxRounds = 10

// A tallyFile has the counts and the names of retired segments. These are ignored by every reader, and the
// next claim deletes those that are still there: they are counted here, or were replaced by a merged segment,
// or are merged segments that were not completed.
type tallyFile struct {
	counts  Tally
	retired map[string]bool
}

func (t tallyFile) clone() tallyFile {
	return tallyFile{counts: maps.Clone(t.counts), retired: maps.Clone(t.retired)}
}

func loadTally(fsys fileSystem, dir string) (tallyFile, error) {
	t := tallyFile{counts: Tally{}, retired: map[string]bool{}}
	text, err := readAll(fsys, filepath.Join(dir, tallyName))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, wrap("read tally", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		word, value, _ := strings.Cut(lines.Text(), " ")
		if word == "retired" {
			// A name with a path in it could lead out of the outbox.
			if isSegment(value) {
				t.retired[value] = true
			}
		} else if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			t.counts[Outcome(word)] = n
		}
	}
	return t, lines.Err()
}

// steady calls read with the tally, again if it returned true and the tally has changed meanwhile: then
// segments were counted, merged or deleted.
func steady(fsys fileSystem, dir string, read func(tallyFile) (check bool)) error {
	for round := 0; ; round++ {
		before, err := loadTally(fsys, dir)
		if err != nil || !read(before) {
			return err
		}
		after, err := loadTally(fsys, dir)
		if err != nil || fmt.Sprint(before) == fmt.Sprint(after) || round == maxRounds {
			return err
		}
	}
}

// save replaces the file. After an error it is as it was. The caller syncs the directory.
// save replaces the file, unless check fails just before.
func (t tallyFile) save(fsys fileSystem, dir string, check func() error) error {
	var b bytes.Buffer
	for _, o := range outcomes {
		fmt.Fprintf(&b, "%s %d\n", o, t.counts[o])
	}
	for name := range t.retired {
		fmt.Fprintf(&b, "retired %s\n", name)
	}
	return wrap("save tally", putFile(fsys, filepath.Join(dir, tallyName), b.Bytes(), check))
}

// replaceFile replaces a file in one step and syncs the directory.
func replaceFile(fsys fileSystem, path string, content []byte) error {
	if err := putFile(fsys, path, content, func() error { return nil }); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

// putFile replaces a file in one step, unless check fails just before. Its content is on disk then, but perhaps
// not its name.
func putFile(fsys fileSystem, path string, content []byte, check func() error) error {
	hidden := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	f, err := fsys.Open(hidden, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = check()
	}
	if err == nil {
		err = fsys.Rename(hidden, path)
	}
	if err != nil {
		fsys.Remove(hidden)
	}
	return err
}
