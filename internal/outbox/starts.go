//go:build !js

package outbox

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The start limit: a deliverer that dies before its first attempt, because the program fails before Start or
// the machine is short of memory, must not be started with every beacon. The lock file has each program's
// number of starts since its last deliverer that made an attempt. It is written under the lock, except by
// resetStarts.
const (
	freeStarts    = 5                      // without a pause
	startPause    = 100 * time.Millisecond // after these, doubled with each start
	maxStartPause = time.Minute
	maxPrograms   = 32 // in the file: the latest
)

type starts struct {
	n       int
	last    time.Time
	program uint32 // a checksum of its executable's path
}

// countStart counts a start of this program. It returns an error if the limit forbids the start.
func countStart(lock *os.File, now time.Time) error {
	all, ours := readStarts(lock)
	if over := ours.n - freeStarts; over >= 0 {
		pause := min(startPause<<min(over, 16), maxStartPause)
		if since := now.Sub(ours.last); since >= 0 && since < pause {
			return fmt.Errorf("the last %d deliverers ended before they had tried to send anything; the next is started in %v", ours.n, (pause - since).Round(time.Millisecond))
		}
	}
	ours.n, ours.last = min(ours.n+1, 999_999), now
	return writeStarts(lock, append(all, ours))
}

// resetStarts sets this program's number to zero. An outbox without a lock file has none.
func resetStarts(dir string) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	all, _ := readStarts(lock)
	writeStarts(lock, all)
}

// hasTried reports whether a deliverer of this program made an attempt since the last start.
func hasTried(dir string) bool {
	lock, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return true
	}
	defer lock.Close()
	_, ours := readStarts(lock)
	return ours.n == 0
}

// readStarts returns the numbers of other programs, the latest last, and of this one.
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

// startsSize is the length of each line in bytes.
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
