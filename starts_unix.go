//go:build unix

package beacon

import (
	"fmt"
	"os"
	"time"
)

// A deliverer that dies before it has done anything, because the program fails on its way
// to Start or the machine is short of memory, must not be started with every beacon. The
// lock file counts the starts since the last one that came to something; its holder
// writes, so nobody else does.
const (
	freeStarts  = 5
	startPause  = 100 * time.Millisecond // doubled with each start above the free ones
	startsPause = time.Minute            // at most
)

// countStart counts one start more, or refuses it.
func countStart(lock *os.File, now time.Time) error {
	n, last := readStarts(lock)
	if over := n - freeStarts; over >= 0 {
		pause := min(startPause<<min(over, 16), startsPause)
		if since := now.Sub(last); since >= 0 && since < pause {
			return fmt.Errorf("the last %d deliverers ended without an answer from any server; the next is started in %v", n, (pause - since).Round(time.Millisecond))
		}
	}
	return writeStarts(lock, n+1, now)
}

func readStarts(lock *os.File) (n int, last time.Time) {
	text := make([]byte, 64)
	length, _ := lock.ReadAt(text, 0)
	var milli int64
	if _, err := fmt.Sscanf(string(text[:length]), "starts %d %d\n", &n, &milli); err != nil {
		return 0, time.Time{}
	}
	return n, time.UnixMilli(milli)
}

func writeStarts(lock *os.File, n int, now time.Time) error {
	// Fixed in width, so that no older text stays behind it.
	_, err := lock.WriteAt(fmt.Appendf(nil, "starts %06d %d\n", min(n, 999_999), now.UnixMilli()), 0)
	return err
}
