//go:build race

package query

// raceMemory is what the race detector maps for itself, in bytes.
const raceMemory = 1 << 30
