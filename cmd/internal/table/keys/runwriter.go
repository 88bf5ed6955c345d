package keys

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	temporarySuffix = ".tmp"
	syncEvery       = 16 << 20 // bytes; one long fsync at the end of a merge would delay those of other files
)

// A runWriter writes a run from entries in ascending order. Its memory is constant.
type runWriter struct {
	run
	dir         string
	entries     *bufio.Writer
	filterBits  *bufio.Writer
	page        [pageSize]byte // of entries
	used        int            // entries in page
	filterPage  [pageSize]byte
	filterPageN int
	previous    entry
	unsynced    int
}

// createRun begins a run of at most n entries. The caller adds at least one before finish.
func createRun(dir string, h header, n int) (*runWriter, error) {
	f, err := os.OpenFile(filepath.Join(dir, h.name()+temporarySuffix), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	w := &runWriter{run: *newRun(n), dir: dir}
	w.header, w.file = h, f
	w.count, w.pages, w.sized = 0, 0, uint64(n)
	w.filterBits = bufio.NewWriterSize(io.NewOffsetWriter(f, pageSize), 1<<16)
	w.entries = bufio.NewWriterSize(io.NewOffsetWriter(f, int64(1+w.filterPages)*pageSize), 1<<18)
	return w, nil
}

// add appends an entry. One that equals the previous entry is left out.
func (w *runWriter) add(e entry) error {
	if w.count > 0 && e == w.previous {
		return nil
	}
	w.previous = e
	home := e.scale(w.homes)
	for int(w.pages) < home || w.used == entriesPerPage {
		if err := w.endPage(); err != nil {
			return err
		}
	}
	at := pageHeader + w.used*entrySize
	e.append(w.page[:at])
	w.used++
	number, offset := blockOf(e.key, w.blocks)
	for w.filterPageN < number {
		if err := w.endFilterPage(); err != nil {
			return err
		}
	}
	setBits(w.filterPage[offset:offset+blockSize], e.key)
	if w.count == 0 {
		w.minAt, w.maxAt = e.at, e.at
	}
	w.minAt, w.maxAt = min(w.minAt, e.at), max(w.maxAt, e.at)
	w.count++
	return nil
}

func (w *runWriter) endPage() error {
	sealPage(w.page[:], 1+w.filterPages+int(w.pages), w.used)
	if _, err := w.entries.Write(w.page[:]); err != nil {
		return err
	}
	clear(w.page[:])
	w.used = 0
	w.pages++
	if w.unsynced += pageSize; w.unsynced < syncEvery {
		return nil
	}
	w.unsynced = 0
	return errors.Join(w.entries.Flush(), w.file.Sync())
}

func (w *runWriter) endFilterPage() error {
	sealPage(w.filterPage[:], 1+w.filterPageN, 0)
	_, err := w.filterBits.Write(w.filterPage[:])
	clear(w.filterPage[:])
	w.filterPageN++
	return err
}

// finish makes the run durable under its own name, except for the folder's entry, and opens it.
func (w *runWriter) finish() (*run, error) {
	err := w.end()
	name := w.file.Name()
	if err = errors.Join(err, w.file.Close()); err == nil {
		err = os.Rename(name, filepath.Join(w.dir, w.name()))
	}
	if err != nil {
		os.Remove(name)
		return nil, fmt.Errorf("write keys: %w", err)
	}
	return openRun(w.dir, w.name(), w.secret)
}

func (w *runWriter) end() error {
	for w.used > 0 || int(w.pages) < w.homes {
		if err := w.endPage(); err != nil {
			return err
		}
	}
	for w.filterPageN < w.filterPages {
		if err := w.endFilterPage(); err != nil {
			return err
		}
	}
	if err := errors.Join(w.entries.Flush(), w.filterBits.Flush()); err != nil {
		return err
	}
	clear(w.page[:])
	w.header.append(w.page[:pageHeader])
	sealPage(w.page[:], 0, 0)
	if _, err := w.file.WriteAt(w.page[:], 0); err != nil {
		return err
	}
	return w.file.Sync()
}

// cancel deletes the unfinished file.
func (w *runWriter) cancel() {
	w.file.Close()
	os.Remove(w.file.Name())
}
