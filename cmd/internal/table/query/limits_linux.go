//go:build cgo

package query

import "golang.org/x/sys/unix"

// limitResources bounds this process.
func limitResources(memory int) error {
	for _, limit := range []struct {
		resource int
		most     uint64
	}{{unix.RLIMIT_DATA, uint64(maxData(memory))}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_NOFILE, 1024}} {
		var now unix.Rlimit
		if err := unix.Getrlimit(limit.resource, &now); err != nil {
			return err
		}
		most := min(limit.most, now.Max)
		if err := unix.Setrlimit(limit.resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return err
		}
	}
	return nil
}
