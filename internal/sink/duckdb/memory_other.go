//go:build cgo && (darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

// Not known here: what queries take beside the engine's account has no bound.
func residentMemory() int { return 0 }

func trimMemory() {}
