package keys

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
)

// A run consists of pages: a checksum (4 bytes), a number of entries (2), 2 unused bytes, and
// the payload. The checksum covers the page's number too, so that a page at a wrong offset is
// detected.
const (
	pageSize   = 4096
	pageHeader = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func pageSum(p []byte, number int) uint32 {
	return crc32.Update(uint32(number), castagnoli, p[4:])
}

func sealPage(p []byte, number, entries int) {
	binary.BigEndian.PutUint16(p[4:], uint16(entries))
	binary.BigEndian.PutUint32(p, pageSum(p, number))
}

func pageEntries(p []byte) int { return int(binary.BigEndian.Uint16(p[4:])) }

// readPages reads pages from number on, as many as p has room for, and checks them. An error of
// the disk is damage too: only a new Set can replace the pages.
func readPages(f *os.File, p []byte, number int) error {
	if _, err := f.ReadAt(p, int64(number)*pageSize); err != nil {
		if errors.Is(err, fs.ErrClosed) {
			return err
		}
		return damaged(f.Name(), "read page %d: %v", number, err)
	}
	for ; len(p) > 0; p, number = p[pageSize:], number+1 {
		if binary.BigEndian.Uint32(p) != pageSum(p[:pageSize], number) {
			return damaged(f.Name(), "page %d: wrong checksum", number)
		}
	}
	return nil
}
