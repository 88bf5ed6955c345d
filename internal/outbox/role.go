//go:build !js

package outbox

import (
	"os"
	"strings"
	"sync"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
)

// A role is what this executable was started as.
type role string

const (
	roleDeliverer role = "deliverer"
	roleStandby   role = "standby" // of a process with pages
)

// roleVar is the environment's variable of a deliverer: the format of this variable and of the inherited file,
// the role, and the directory of the outbox.
const (
	roleVar    = "BEACON_DELIVERER"
	roleFormat = "3"
)

// title is the deliverer's name in a list of processes.
const title = "** beacon deliverer **"

// init takes the role of a deliverer, and then does not return: neither main nor a test is reached. Another
// copy of this package in the same executable, or another version, ignores the variable of a format that it
// does not know. A process that has the variable by accident lacks the inherited file.
func init() {
	value := os.Getenv(roleVar)
	if value == "" {
		return
	}
	format, rest, _ := strings.Cut(value, " ")
	as, dir, _ := strings.Cut(rest, " ")
	if format != roleFormat || dir == "" || as != string(roleDeliverer) && as != string(roleStandby) || privileged() {
		return
	}
	file := inheritedFile(dir, role(as))
	if file == nil {
		return
	}
	os.Unsetenv(roleVar)
	// Goroutines that wait for the one of init would switch its thread each time.
	go func() {
		runDeliverer(role(as), dir, file)
		os.Exit(0)
	}()
	select {}
}

// program is what starts the deliverers of this process: this process, or if it is a detached deliverer, what
// started it.
var program = sync.OnceValue(func() deliver.Program {
	if startedAs != "" {
		return deliver.StartedBy()
	}
	return deliver.ThisProgram()
})

// startedAs is the role that this process has taken, or "".
var startedAs role
