//go:build unix

package main

import "syscall"

// keepPrivate has every file that the collector makes be its user's alone, those of the
// table's engine too.
func keepPrivate() { syscall.Umask(0o077) }
