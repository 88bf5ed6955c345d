package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxModules is how many modules a program that imports the root package has, besides its own.
const maxModules = 16

func TestModules_ProgramThatSends_HasFew(t *testing.T) {
	modules := modulesOf(t, module)
	if len(modules)-1 > maxModules {
		t.Errorf("got %d modules, want at most %d:\n%s", len(modules)-1, maxModules, strings.Join(modules, "\n"))
	}
}

func TestModules_TestThatUsesBeacontest_HasNoEngine(t *testing.T) {
	for _, m := range modulesOf(t, module+"/beacontest") {
		for _, engine := range []string{"prometheus", "duckdb", "goja", "parquet", "chromedp"} {
			if strings.Contains(m, engine) {
				t.Errorf("beacontest needs %s", m)
			}
		}
	}
}

// modulesOf returns all modules of a program outside the repository that imports pkg, with its own.
func modulesOf(t *testing.T, pkg string) []string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := "module example.com/program\n\ngo 1.25.0\n"
	for _, m := range []string{"", "/collect", "/beacontest"} {
		text += "\nreplace " + module + m + " => " + root + m + "\n"
	}
	program := "package main\n\nimport _ \"" + pkg + "\"\n\nfunc main() {}\n"
	for name, text := range map[string]string{"go.mod": text, "main.go": program} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off")
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %s: %v: %s", strings.Join(args, " "), err, &errs)
		}
		return string(out)
	}
	run("mod", "tidy")
	return strings.Split(strings.TrimSpace(run("list", "-m", "all")), "\n")
}
