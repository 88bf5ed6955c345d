package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// nodeMutex is held while packages are installed.
var nodeMutex sync.Mutex

// InstallNode installs the packages of a folder's package-lock.json in its node_modules, unless they are there.
func InstallNode(t testing.TB, folder string) {
	t.Helper()
	nodeMutex.Lock()
	defer nodeMutex.Unlock()
	npm, err := exec.LookPath("npm")
	proctest.Needs(t, "npm", err == nil)
	lock, err := os.Stat(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	// npm writes this file at the end of an installation.
	installed, err := os.Stat(filepath.Join(folder, "node_modules/.package-lock.json"))
	if err == nil && !installed.ModTime().Before(lock.ModTime()) {
		return
	}
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("npm ci: %s", out)
	}
	proctest.Needs(t, "the packages of "+folder+"/package-lock.json", err == nil)
}
