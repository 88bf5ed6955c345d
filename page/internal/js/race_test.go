//go:build race

package js_test

// slow divides the work of tests, since the engine takes about ten times as long with the race detector.
const slow = "10"
