//go:build cgo && (amd64 || arm64)

package duckdb

/*
#include <malloc.h>

static void trim(void) {
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
*/
import "C"

import (
	"fmt"
	"os"
)

// residentMemory is what the process holds in bytes.
func residentMemory() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var virtual, resident int
	fmt.Sscan(string(text), &virtual, &resident)
	return resident * os.Getpagesize()
}

// trimMemory gives back what was freed: the C library would keep it.
func trimMemory() { C.trim() }
