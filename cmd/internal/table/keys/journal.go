package keys

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"
)

// A journal is a file of a header and of frames, one for each Sync. The first frame has the keys
// that the journal was created with; it is synced before the file gets its name.
//
// Header: magic (16 bytes), secret (16), number (8), entries of the first frame (8), unused (12),
// checksum (4). Frame: magic (4), number of entries (4), checksum of the entries (4), checksum of
// the 12 bytes before and the frame's offset (4), entries. Every part starts at a multiple of 16.
type journal struct {
	file    *os.File
	number  uint64
	count   int   // entries
	end     int64 // of the frames that are synced
	suspect bool  // a write failed, so this file may lack keys and is replaced by a new journal
}

const (
	journalMagic  = "beacon keys log\n"
	journalSuffix = ".journal"
	journalHeader = 64
	frameMagic    = "keys"
	frameHeader   = 16
	sectorSize    = 512
)

func journalName(number uint64) string { return fmt.Sprintf("%06d%s", number, journalSuffix) }

func appendJournalHeader(b []byte, secret secret, number uint64, entries int) []byte {
	b = append(append(b, journalMagic...), secret[:]...)
	b = binary.BigEndian.AppendUint64(b, number)
	b = binary.BigEndian.AppendUint64(b, uint64(entries))
	b = append(b, make([]byte, 12)...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// sealFrame writes the header of a frame, for which its first bytes have room.
func sealFrame(frame []byte, offset int64) {
	entries := frame[frameHeader:]
	h := append(frame[:0], frameMagic...)
	h = binary.BigEndian.AppendUint32(h, uint32(len(entries)/entrySize))
	h = binary.BigEndian.AppendUint32(h, crc32.Checksum(entries, castagnoli))
	binary.BigEndian.AppendUint32(h, crc32.Update(uint32(offset), castagnoli, h))
}

// createJournal makes a journal with its first frame under a temporary name and renames it.
func createJournal(dir string, secret secret, number uint64, frame []byte) (*journal, error) {
	entries := len(frame[frameHeader:]) / entrySize
	sealFrame(frame, journalHeader)
	b := append(appendJournalHeader(nil, secret, number, entries), frame...)
	name := filepath.Join(dir, journalName(number))
	if err := durable.WriteSynced(name+temporarySuffix, b); err != nil {
		return nil, err
	}
	if err := os.Rename(name+temporarySuffix, name); err != nil {
		os.Remove(name + temporarySuffix)
		return nil, err
	}
	// Windows does not rename an open file.
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		os.Remove(name) // or Open would read it instead of the current journal
		return nil, err
	}
	return &journal{file: f, number: number, count: entries, end: int64(len(b))}, nil
}

// append writes a frame and syncs it.
func (j *journal) append(frame []byte) error {
	sealFrame(frame, j.end)
	_, err := j.file.WriteAt(frame, j.end)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		// The kernel can drop pages that it failed to write, and report later syncs as successes.
		j.suspect = true
		return err
	}
	j.end += int64(len(frame))
	j.count += len(frame[frameHeader:]) / entrySize
	return nil
}

// readJournal returns the secret of a journal and the entries of each frame. It leaves out a last
// frame that a crash interrupted. Any other frame with a wrong checksum is damage.
func readJournal(dir string, number uint64) (secret secret, entries [][]byte, err error) {
	name := filepath.Join(dir, journalName(number))
	b, err := os.ReadFile(name)
	if err != nil {
		return secret, nil, damaged(name, "%v", err)
	}
	if len(b) < journalHeader {
		return secret, nil, damaged(name, "%d bytes are too few for the header", len(b))
	}
	copy(secret[:], b[len(journalMagic):])
	first := binary.BigEndian.Uint64(b[40:])
	if !bytes.Equal(b[:journalHeader], appendJournalHeader(nil, secret, number, int(first))) {
		return secret, nil, damaged(name, "wrong header")
	}
	for at := journalHeader; at < len(b); {
		frame, whole := readFrame(b, at)
		if !whole {
			if at > journalHeader && interrupted(b, at) {
				break
			}
			return secret, nil, damaged(name, "the frame at %d has a wrong checksum", at)
		}
		entries = append(entries, frame)
		at += frameHeader + len(frame)
	}
	if len(entries) == 0 || uint64(len(entries[0])/entrySize) != first {
		return secret, nil, damaged(name, "the first frame is missing")
	}
	return secret, entries, nil
}

func readFrame(b []byte, at int) (entries []byte, whole bool) {
	size, ok := frameSize(b, at)
	if !ok || len(b)-at-frameHeader < size {
		return nil, false
	}
	entries = b[at+frameHeader:][:size]
	return entries, crc32.Checksum(entries, castagnoli) == binary.BigEndian.Uint32(b[at+8:])
}

// frameSize returns the size of a frame's entries, and false where the frame's header is cut off
// or wrong.
func frameSize(b []byte, at int) (int, bool) {
	if len(b)-at < frameHeader {
		return 0, false
	}
	h := b[at:][:frameHeader]
	if string(h[:4]) != frameMagic || binary.BigEndian.Uint32(h[12:]) != crc32.Update(uint32(at), castagnoli, h[:12]) {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(h[4:])) * entrySize, true
}

// interrupted reports whether a crash interrupted the write of the wrong frame at at. Such a frame is
// the last one of the journal. Either it is cut off, or some of its sectors were not written and read
// as zeros. A whole frame has no sector of zeros, because it has a non-zero byte in each 16 bytes.
// Any other wrong frame was changed after it was written.
func interrupted(b []byte, at int) bool {
	if size, ok := frameSize(b, at); ok {
		end := at + frameHeader + size
		if end > len(b) {
			return true
		}
		if end < len(b) {
			return false
		}
	} else if len(b)-at < frameHeader {
		return true
	}
	for from := at; from < len(b); {
		to := min((from/sectorSize+1)*sectorSize, len(b))
		if len(bytes.Trim(b[from:to], "\x00")) == 0 {
			return true
		}
		from = to
	}
	return false
}

// memoryFrame returns a frame of the keys in memory.
func (s *Set) memoryFrame() []byte {
	b := make([]byte, frameHeader, frameHeader+len(s.memory)*entrySize)
	for k, v := range s.memory {
		b = entry{k, v}.append(b)
	}
	return b
}

// switchJournal replaces the journal by one with the frame given, which has all keys that are in
// memory and not in a run. The old journal is deleted only after the new one's name is durable.
func (s *Set) switchJournal(number uint64, frame []byte) error {
	j, err := createJournal(s.dir, s.secret, number, frame)
	if err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	if s.journal != nil {
		s.obsolete = append(s.obsolete, s.journal.file.Name())
		s.journal.file.Close()
	}
	s.journal, s.unsynced = j, emptyFrame(s.unsynced)
	if err := durable.SyncDir(s.dir); err != nil {
		j.suspect = true
		return fmt.Errorf("write keys: %w", err)
	}
	s.deleteObsolete()
	return nil
}

// deleteObsolete ignores errors: Open deletes what is left, and reads the newest journal only.
func (s *Set) deleteObsolete() {
	for _, name := range s.obsolete {
		os.Remove(name)
	}
	s.obsolete = s.obsolete[:0]
}

// emptyFrame returns the buffer with room for a frame's header.
func emptyFrame(b []byte) []byte {
	return append(b[:0], make([]byte, frameHeader)...)
}
