//go:build race

package main

// The race detector's own memory is several times the program's.
const raceDetector = true
