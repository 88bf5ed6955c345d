//go:build linux

// Package procstat reads the state of processes of Linux.
package procstat

import (
	"bytes"
	"fmt"
	"os"
)

// Read returns the state of a process, such as 'T' if a signal has stopped it or 'Z' if it has ended and was
// not reaped, and the id of its parent. It returns false if there is no such process.
func Read(pid int) (state byte, parent int, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	// The command, in parentheses, can have any bytes.
	_, err = fmt.Fscanf(bytes.NewReader(stat[bytes.LastIndexByte(stat, ')')+1:]), " %c %d", &state, &parent)
	return state, parent, err == nil
}
