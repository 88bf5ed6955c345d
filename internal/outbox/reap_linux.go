package outbox

import (
	"os"
	"strconv"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/procstat"
)

// zombieTime is how long the first process may take to reap a process.
const zombieTime = time.Minute

// zombies watches the zombies of the first process. A deliverer outlives the program that started it, and
// so becomes a child of the first process, which in a container is often a program that never reaps
// children that it did not start. There each deliverer that ended would leave a zombie. So one that sees
// zombies stays, and delivers for all later programs.
type zombies struct {
	since  map[int]time.Time // when each was seen first, by pid
	remain bool              // for good
}

// stay reports whether this process should go on, because its end would leave a zombie or because that is
// not known yet.
func (z *zombies) stay(now time.Time) bool {
	if z.remain {
		return true
	}
	if os.Getppid() != 1 {
		return false // the program lives and reaps
	}
	before := z.since
	z.since = map[int]time.Time{}
	old := before == nil
	for _, pid := range zombiesOf(1) {
		z.since[pid] = now
		if since, ok := before[pid]; ok {
			z.since[pid], old = since, true
			z.remain = z.remain || now.Sub(since) >= zombieTime
		}
	}
	return old && len(z.since) > 0
}

// zombiesOf returns the children of a process that have ended and are not reaped.
func zombiesOf(parent int) (pids []int) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if state, ppid, ok := procstat.Read(pid); ok && state == 'Z' && ppid == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}
