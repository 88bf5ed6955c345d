//go:build unix

package beacon

import (
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"time"
)

// A deliverer that dies before it has done anything, because the program fails on its way
// to Start or the machine is short of memory, must not be started with every beacon. The
// lock file counts each program's starts since the last one that came to something; the
// lock's holder writes, so nobody else does.
const (
	freeStarts  = 5
	startPause  = 100 * time.Millisecond // doubled with each start above the free ones
	startsPause = time.Minute            // at most
	maxPrograms = 32                     // that are remembered, the latest
)

type starts struct {
	n       int
	last    time.Time
	program uint32 // a checksum of its executable's path
}

// countStart counts one start more, or refuses it.
func countStart(lock *os.File, now time.Time) error {
	all, ours := readStarts(lock)
	if over := ours.n - freeStarts; over >= 0 {
		pause := min(startPause<<min(over, 16), startsPause)
		if since := now.Sub(ours.last); since >= 0 && since < pause {
			return fmt.Errorf("the last %d deliverers ended before they had tried to send anything; the next is started in %v", ours.n, (pause - since).Round(time.Millisecond))
		}
	}
	ours.n, ours.last = min(ours.n+1, 999_999), now
	return writeStarts(lock, append(all, ours))
}

// forgetStarts is for a deliverer that came to something; lock need not be held by this
// descriptor.
func forgetStarts(lock *os.File) error {
	all, _ := readStarts(lock)
	return writeStarts(lock, all)
}

// readStarts returns what is known of other programs, the latest last, and of this one.
func readStarts(lock *os.File) (others []starts, ours starts) {
	exe, _ := os.Executable()
	ours.program = crc32.ChecksumIEEE([]byte(exe))
	text := make([]byte, maxPrograms*startsSize)
	length, _ := lock.ReadAt(text, 0)
	for line := range strings.Lines(string(text[:length])) {
		var s starts
		var milli int64
		if _, err := fmt.Sscanf(line, "starts %d %d %x\n", &s.n, &milli, &s.program); err != nil {
			continue
		}
		s.last = time.UnixMilli(milli)
		if s.program == ours.program {
			ours = s
		} else {
			others = append(others, s)
		}
	}
	return others, ours
}

// startsSize is the length of a line in bytes, so that all have one.
const startsSize = len("starts 000000 0000000000000 00000000\n")

func writeStarts(lock *os.File, all []starts) error {
	var text []byte
	for _, s := range all[max(len(all)-maxPrograms, 0):] {
		text = fmt.Appendf(text, "starts %06d %013d %08x\n", s.n, s.last.UnixMilli(), s.program)
	}
	if _, err := lock.WriteAt(text, 0); err != nil {
		return err
	}
	return lock.Truncate(int64(len(text)))
}
