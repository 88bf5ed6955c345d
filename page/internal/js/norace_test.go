//go:build !race

package js_test

// slow divides the work of tests: see race_test.go.
const slow = "1"
