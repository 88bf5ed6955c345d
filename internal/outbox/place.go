//go:build !js

package outbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/datadir"
)

// DirVar is the environment's variable for the user's outbox: a directory, or off or printed.
const (
	DirVar  = "BEACON_OUTBOX"
	off     = "off" // no program sends beacons
	printed = "log" // beacons are printed instead
)

// Dir returns the absolute path of an outbox: of the directory that is given, or of the user's without one.
// ~ is the user's home. A relative path is below the working directory.
func Dir(given string) (string, error) {
	if given == "" {
		return UserDir()
	}
	dir := datadir.Expand(given)
	if dir == "~" || strings.HasPrefix(dir, "~/") {
		return "", fmt.Errorf("the outbox %s can't be used: this user has no home", dir)
	}
	return filepath.Abs(dir)
}

// UserDir returns the directory of the user's outbox: that of the environment's BEACON_OUTBOX, else the folder
// beacon/outbox in the user's data directory. A user without a home of its own gets a folder in the directory
// for temporary files. It returns an error if BEACON_OUTBOX is off or log, or neither absolute nor below ~.
func UserDir() (string, error) {
	value := os.Getenv(DirVar)
	switch value {
	case "":
		dir, _ := datadir.Join("outbox")
		return dir, nil
	case off:
		return "", Disabled()
	case printed:
		return "", fmt.Errorf("there is no outbox: %s=%s is set in the environment, and has beacons printed instead", DirVar, printed)
	}
	if dir := datadir.Expand(value); filepath.IsAbs(dir) {
		return dir, nil
	}
	return "", fmt.Errorf("%s=%s can't be used: write an absolute path, a path below ~, off or log", DirVar, value)
}
