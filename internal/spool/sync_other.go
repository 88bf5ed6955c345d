//go:build !linux

package spool

import "os"

func syncFile(f *os.File) error { return f.Sync() }
