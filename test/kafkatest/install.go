package kafkatest

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

//go:embed pom.xml
var pom []byte

//go:embed log4j2.properties
var logging []byte

// installing keeps the tests of a process from downloading the jars at once.
var installing sync.Mutex

// install returns a folder with the brokers' jars and the file log4j2.properties. On a machine that can't get
// them, the test is skipped, or fails if the environment has CI=true.
func install(t testing.TB) string {
	t.Helper()
	for _, program := range []string{"java", "mvn"} {
		_, err := exec.LookPath(program)
		proctest.Needs(t, program, err == nil)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	version := sha256.Sum256(append(pom, logging...))
	dir := filepath.Join(cache, "beacon-test", "kafka-"+hex.EncodeToString(version[:8]))
	installing.Lock()
	defer installing.Unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temporary)
	write(t, filepath.Join(temporary, "pom.xml"), pom)
	write(t, filepath.Join(temporary, "log4j2.properties"), logging)
	out, err := exec.Command("mvn", "-q", "-B", "-f", filepath.Join(temporary, "pom.xml"), "dependency:copy-dependencies", "-DoutputDirectory="+temporary, "-DincludeScope=runtime").CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("Maven can't get Kafka: %v: %s", err, out)
	default:
		t.Skipf("Maven can't get Kafka: %v: %s", err, out)
	}
	if err := os.Rename(temporary, dir); err != nil {
		if _, exists := os.Stat(dir); exists != nil { // else another process was first
			t.Fatal(errors.Join(err, exists))
		}
	}
	return dir
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
