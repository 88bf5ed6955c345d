package spool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tallyName is the file that counts the beacons of segments that are deleted, so that
// the numbers add up for ever.
const tallyName = "tally"

// A tallyFile also names the segments that it counts and that may still be there: a
// deliverer that was killed between counting and deleting must not count them twice.
type tallyFile struct {
	counts  Tally
	retired map[string]bool
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
			// A name with a path in it is none of ours to delete.
			if isSegment(value) {
				t.retired[value] = true
			}
		} else if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			t.counts[Outcome(word)] = n
		}
	}
	return t, lines.Err()
}

func (t tallyFile) save(fsys fileSystem, dir string) error {
	var b bytes.Buffer
	for _, o := range outcomes {
		fmt.Fprintf(&b, "%s %d\n", o, t.counts[o])
	}
	for name := range t.retired {
		fmt.Fprintf(&b, "retired %s\n", name)
	}
	return wrap("save tally", replaceFile(fsys, filepath.Join(dir, tallyName), b.Bytes()))
}

// replaceFile puts the new content in place at one step: write, sync, rename, sync the
// directory.
func replaceFile(fsys fileSystem, path string, content []byte) error {
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
		err = fsys.Rename(hidden, path)
	}
	if err != nil {
		fsys.Remove(hidden)
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}
