//go:build !unix

package main

// mostFiles is how many files this process may have open: only memory bounds it here.
func mostFiles() int { return 1 << 20 }
