package spool

import "github.com/seed-d051cf5a/beacon/internal/procstat"

// stopped reports whether a process is stopped by a signal.
func stopped(pid int) bool {
	state, _, ok := procstat.Read(pid)
	return ok && state == 'T'
}
