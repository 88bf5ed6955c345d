//go:build !js

package outbox

import (
	"context"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

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

// detached is whether deliverers may be started.
var detached atomic.Bool

// yielding are the deliveries in this process that end when detached becomes true, and leave the rest to a
// deliverer.
var yielding struct {
	mu  sync.Mutex // detached does not become true while one begins
	all sync.WaitGroup
}

// yield ends the context of these deliveries.
var untilDetach, yield = context.WithCancel(context.Background())

// Detach lets the beacons of this process be delivered by detached processes from now on. It waits until
// deliveries in this process have ended, because the process may end next.
func Detach() {
	if !canDetach() {
		return
	}
	yielding.mu.Lock()
	detached.Store(true)
	yielding.mu.Unlock()
	yield()
	yielding.all.Wait()
}

// untilDetached returns the context of a delivery that ends when Detach is called. end must be called when the
// delivery has ended.
func untilDetached(parent context.Context) (ctx context.Context, end func()) {
	yielding.mu.Lock()
	defer yielding.mu.Unlock()
	ctx, cancel := context.WithCancel(parent)
	if detached.Load() {
		cancel()
		return ctx, cancel
	}
	yielding.all.Add(1)
	stop := context.AfterFunc(untilDetach, cancel)
	return ctx, func() {
		stop()
		cancel()
		yielding.all.Done()
	}
}

// canDetach reports whether this executable, started again, takes the role. A Go library in the process of
// another program does not, nor does a set-uid program.
func canDetach() bool {
	if privileged() {
		return false
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return true
	}
	for _, s := range info.Settings {
		if s.Key == "-buildmode" && (s.Value == "c-shared" || s.Value == "c-archive" || s.Value == "plugin" || s.Value == "shared") {
			return false
		}
	}
	return true
}

// privileged reports whether this process has rights that its user does not have: those of a set-uid or set-gid
// executable. Its user could have it read files for a beacon.
func privileged() bool { return os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() }

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
