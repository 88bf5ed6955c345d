package clickhousetest

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

//go:embed requirements.txt
var requirements []byte

//go:embed front.py
var front []byte

// installing keeps the tests of a process from downloading the engine at once.
var installing sync.Mutex

// install returns the path of a Python that has the engine. On a machine that can't get it, the test is skipped, or
// fails if the environment has CI=true.
func install(t testing.TB) (python string) {
	t.Helper()
	_, err := exec.LookPath("python3")
	proctest.Needs(t, "python3", err == nil && runtime.GOOS != "windows")
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	version := sha256.Sum256(requirements)
	dir := filepath.Join(cache, "beacon-test", "chdb-"+hex.EncodeToString(version[:8]))
	python = filepath.Join(dir, "bin", "python")
	complete := filepath.Join(dir, "complete") // made last; a folder of Python can't be renamed
	installing.Lock()
	defer installing.Unlock()
	if _, err := os.Stat(complete); err == nil {
		return python
	}
	unlock := lockFolder(t, dir)
	defer unlock()
	if _, err := os.Stat(complete); err == nil { // another process was first
		return python
	}
	list := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(list, requirements, 0o600); err != nil {
		t.Fatal(err)
	}
	venv, err := exec.Command("python3", "-m", "venv", dir).CombinedOutput()
	if err == nil {
		// Without pandas and pyarrow, which the front does not need.
		venv, err = exec.Command(python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", list).CombinedOutput()
	}
	if err == nil {
		venv, err = exec.Command(python, "-c", "import chdb.session").CombinedOutput()
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("Python can't get chdb, ClickHouse's engine: %v: %s", err, venv)
	default:
		t.Skipf("Python can't get chdb, ClickHouse's engine: %v: %s", err, venv)
	}
	if err := os.WriteFile(complete, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return python
}
