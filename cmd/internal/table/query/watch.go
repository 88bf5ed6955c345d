package query

import (
	"io/fs"
	"path/filepath"
	"time"
)

const (
	// maxSpill is how large the folder of a query's process may become. DuckDB's own limit is
	// 2 GiB; what a query writes there in another way has the rest.
	maxSpill = 2<<30 + 64<<20
	// watchEvery is how often a process is measured.
	watchEvery = 100 * time.Millisecond
	// longAfter is after how many times a query is a long one, which gets only the CPU time that
	// nothing else wants. Short queries are answered under full load too.
	longAfter = 3
)

// maxData is RLIMIT_DATA of a process in bytes, and maxResident is its RSS beyond which the parent
// kills it. DuckDB's memory_limit leaves out memory that a function takes for one value; RLIMIT_DATA
// does not. 256 MiB are for the process itself, of which it maps 140 when idle. The RSS has file
// mappings too, such as the executable.
func maxData(memory int) int64     { return int64(256+2*memory)<<20 + raceMemory }
func maxResident(memory int) int64 { return maxData(memory) + 200<<20 }

// watch makes a long query yield to everything else, and kills the process when its folder or its
// memory becomes too large, until stop is called. Between the end of a process and the next tick its id
// could belong to another process. That is harmless: ids are not used again so soon, and the kill itself
// goes to the process that was started.
func (r *Rows) watch(maxDisk int64) (stop func()) {
	over := make(chan struct{})
	memory, pid := r.proc.memory, r.proc.cmd.Process.Pid
	go func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-over:
				return
			case <-r.proc.done:
				return
			case <-tick.C:
			}
			if n == longAfter {
				yieldAlways(pid)
			}
			switch {
			case folderSize(r.proc.temp) > maxDisk:
				r.kill(failed(ErrDisk, "it takes more than the %d MiB of disk that it may here: make room, or ask for a part of the table", maxDisk>>20))
			case resident(pid) > maxResident(memory):
				r.kill(tooMuchMemory(memory))
			default:
				continue
			}
			return
		}
	}()
	return func() { close(over) }
}

func folderSize(dir string) (size int64) {
	filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // it is gone, or becomes larger by its files
		}
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}
