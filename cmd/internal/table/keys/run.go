package keys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A run is an immutable file of sorted entries: the page of the header, the pages of the filter,
// the pages of entries. The entries are also a hash table: the key space is divided equally among the
// home pages. An entry whose home page is full is in the next page with room.
type run struct {
	header
	file        *os.File
	blocks      int      // of the filter
	filterPages int      // of the filter
	homes       int      // home pages
	filter      [][]byte // the chunks of the filter that are in memory
}

const (
	entriesPerPage = (pageSize - pageHeader) / entrySize
	entriesPerHome = entriesPerPage * 88 / 100 // the average, so that few pages overflow
)

// A header is the first page of a run.
type header struct {
	secret      secret
	generation  int64
	first, last uint64 // the numbers of the oldest and the newest journal in the run
	count       uint64 // entries
	sized       uint64 // the number of entries for which homes and blocks were computed
	pages       uint64 // pages of entries
	minAt       int64
	maxAt       int64
}

const (
	runMagic  = "beacon keys run\n"
	runSuffix = ".run"
)

// name returns the file's name, which sorts by generation and age.
func (h *header) name() string {
	return fmt.Sprintf("%d-%06d-%06d%s", h.generation, h.first, h.last, runSuffix)
}

func (h *header) append(p []byte) []byte {
	p = append(append(p, runMagic...), h.secret[:]...)
	for _, v := range []uint64{uint64(h.generation), h.first, h.last, h.count, h.sized, h.pages, uint64(h.minAt), uint64(h.maxAt)} {
		p = binary.BigEndian.AppendUint64(p, v)
	}
	return p
}

func (h *header) read(p []byte) bool {
	p, ok := bytes.CutPrefix(p, []byte(runMagic))
	if !ok {
		return false
	}
	p = p[copy(h.secret[:], p):]
	var v [8]uint64
	for i := range v {
		v[i] = binary.BigEndian.Uint64(p[8*i:])
	}
	h.generation, h.first, h.last = int64(v[0]), v[1], v[2]
	h.count, h.sized, h.pages = v[3], v[4], v[5]
	h.minAt, h.maxAt = int64(v[6]), int64(v[7])
	return true
}

// newRun computes the layout of a run of at most n entries.
func newRun(n int) *run {
	return &run{
		blocks:      filterBlocks(n),
		filterPages: filterPages(n),
		homes:       (n + entriesPerHome - 1) / entriesPerHome,
	}
}

// openRun checks the header and the size of the file. Other pages are checked when they are read.
func openRun(dir, name string, secret secret) (*run, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	r, err := readRun(f, name, secret)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func readRun(f *os.File, name string, secret secret) (*run, error) {
	var p [pageSize]byte
	if err := readPages(f, p[:], 0); err != nil {
		return nil, err
	}
	var h header
	if !h.read(p[pageHeader:]) || h.name() != name || h.secret != secret {
		return nil, damaged(f.Name(), "the header is another file's")
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	r := newRun(int(h.sized))
	r.header, r.file = h, f
	if size := int64(1+r.filterPages+int(h.pages)) * pageSize; info.Size() != size {
		return nil, damaged(f.Name(), "%d bytes instead of %d", info.Size(), size)
	}
	return r, nil
}

// find adds the run's entries of the key to the answer.
func (r *run) find(a *answer, page *[pageSize]byte) error {
	if found, err := r.mayHave(a.key, page); !found || err != nil {
		return err
	}
	for number := a.key.scale(r.homes); number < int(r.pages); number++ {
		if err := readPages(r.file, page[:], 1+r.filterPages+number); err != nil {
			return err
		}
		n := min(pageEntries(page[:]), entriesPerPage)
		entries := page[pageHeader : pageHeader+n*entrySize]
		last := search(entries, n, a)
		if last < n || n < entriesPerPage {
			return nil
		}
	}
	return nil
}

// search adds the entries of the key to the answer and returns the index after them.
func search(entries []byte, n int, a *answer) int {
	low, high := 0, n
	for low < high {
		if middle := (low + high) / 2; keyAt(entries[middle*entrySize:]).compare(a.key) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	for ; low < n; low++ {
		e := entryAt(entries[low*entrySize:])
		if e.key != a.key {
			break
		}
		a.add(e.value)
	}
	return low
}

// drop closes and deletes the files of runs.
func (s *Set) drop(gone []*run) error {
	var err error
	for _, r := range gone {
		s.runs = without(s.runs, r)
		s.releaseFilter(r)
		err = errors.Join(err, r.file.Close())
		if e := os.Remove(r.file.Name()); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return fmt.Errorf("delete keys: %w", err)
	}
	return nil
}
