//go:build unix

package beacon

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// The beacons of pages are delivered by their own process. An heir is a detached deliverer
// that waits for that one's death, which frees the lock, and delivers then what it left. It
// ends as others do, when nothing has waited for some seconds.

// heirVar makes an heir of a deliverer: what it has as lockFD is open, but not locked.
const heirVar = "BEACON_DELIVERER_HEIR"

const (
	heirPoll = 100 * time.Millisecond // how soon it takes over
	heirLook = time.Second            // how often it looks whether anything waits
)

// startHeir starts the heir of this process, and calls ended when it is gone.
func startHeir(dir string, patience time.Duration, ended func()) error {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer lock.Close()
	return startDeliverer(dir, lock, patience, []string{heirVar + "=1"}, ended)
}

// awaitInheritance waits for the lock, or says that there is nothing to wait for.
func awaitInheritance(dir string) bool {
	looked, busy := time.Time{}, time.Now()
	for unix.Flock(lockFD, unix.LOCK_EX|unix.LOCK_NB) != nil {
		if now := time.Now(); now.Sub(looked) >= heirLook {
			looked = now
			if spool.Pending(dir) {
				busy = now
			}
			if now.Sub(busy) >= delivererIdle {
				cameToSomething(dir)
				return false
			}
		}
		time.Sleep(heirPoll)
	}
	return true
}
