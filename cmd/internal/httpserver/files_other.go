//go:build !unix

package httpserver

// maxFiles is how many files this process may have open: only memory bounds it here.
func maxFiles() int { return 1 << 20 }
