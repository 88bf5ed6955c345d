//go:build !cgo || !(linux || darwin || windows) || !(amd64 || arm64) || (windows && arm64)

package query

import (
	"fmt"
	"os"
)

// Available reports whether this build has an engine.
const Available = false

// Main is the child's entry in builds with an engine. Here it ends the process.
func Main() {
	fmt.Fprintln(os.Stderr, errNoEngine)
	os.Exit(1)
}
