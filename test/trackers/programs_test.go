package trackers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/test/browsertest"
	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

// programLimit is how long a program may run.
const programLimit = 2 * time.Minute

// runProgram runs a program, which reads the collector's URL from COLLECTOR, sends and ends.
func runProgram(t *testing.T, s sender, collector string) {
	t.Helper()
	// The go command runs the test again if a file changes in a folder that the test has read.
	if _, err := os.ReadDir(filepath.Dir(s.file)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), programLimit)
	defer cancel()
	var cmd *exec.Cmd
	switch s.runsIn() {
	case "Node.js":
		browsertest.InstallNode(t, "programs")
		cmd = exec.CommandContext(ctx, "node", s.file)
	case "Python":
		python, libraries := installPython(t)
		cmd = exec.CommandContext(ctx, python, s.file)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+libraries)
	case "Go":
		cmd = exec.CommandContext(ctx, buildProgram(t, filepath.Dir(s.file)))
	}
	cmd.Env = append(cmd.Environ(), "COLLECTOR="+collector)
	out, err := cmd.CombinedOutput()
	t.Logf("%s: %s", s.file, out)
	if err != nil {
		t.Fatalf("%s: %v", s.file, err)
	}
}

// pythonMutex is held while packages are installed.
var pythonMutex sync.Mutex

// installPython installs the packages of programs/requirements.txt in the user's cache, unless they are there.
func installPython(t *testing.T) (python, libraries string) {
	t.Helper()
	pythonMutex.Lock()
	defer pythonMutex.Unlock()
	python, err := exec.LookPath("python3")
	proctest.Needs(t, "Python 3", err == nil)
	const file = "programs/requirements.txt"
	requirements, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	sum := sha256.Sum256(append(requirements, collectortest.Run(t, python, "--version")...)) // another Python needs other builds
	libraries = filepath.Join(cache, "beacon-test", "senders-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(libraries); err == nil {
		return python, libraries
	}
	if err := os.MkdirAll(filepath.Dir(libraries), 0o700); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(libraries), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	out, err := exec.Command(python, "-m", "pip", "install", "--quiet", "--target", fresh, "--requirement", file).CombinedOutput()
	if err == nil {
		err = os.Rename(fresh, libraries)
	}
	if err != nil {
		t.Logf("pip: %v: %s", err, out)
	}
	proctest.Needs(t, "pip, and the packages of "+file+" from it", err == nil)
	return python, libraries
}

// buildProgram builds the Go program in a folder of the module programs, and returns the executable.
func buildProgram(t *testing.T, folder string) string {
	t.Helper()
	inModule := func(args ...string) *exec.Cmd {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), "GOWORK=off")
		return cmd
	}
	proctest.Needs(t, "the modules of programs/go.mod", inModule("list", "-deps", ".").Run() == nil)
	executable := filepath.Join(t.TempDir(), "program")
	cmd := inModule("build", "-o", executable, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", folder, err, out)
	}
	return executable
}

// A recorder keeps the requests that pass through a proxy in front of a collector.
type recorder struct {
	mu   sync.Mutex
	seen []request
}

func (rec *recorder) see(r *http.Request, body []byte) bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.seen = append(rec.seen, request{r.Method, r.RequestURI, strings.TrimSpace(r.Header.Get("Content-Type")), string(body)})
	return true
}

// requests returns the requests so far.
func (rec *recorder) requests() []request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return append([]request(nil), rec.seen...)
}
