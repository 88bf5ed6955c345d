// Package datadir knows where a platform keeps the data of a user's programs.
package datadir

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// Join returns a path in Beacon's folder of the user's data directory. A user without a
// home, as a daemon can be, gets a folder of its own among the temporary ones.
func Join(name string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		// One level deep: what is directly in the temporary folder nobody can swap.
		return filepath.Join(os.TempDir(), "beacon-"+strconv.Itoa(os.Getuid())+"-"+name)
	}
	switch runtime.GOOS {
	case "darwin":
		home = filepath.Join(home, "Library", "Application Support")
	case "windows":
		home = filepath.Join(home, "AppData", "Local")
	default:
		if xdg := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(xdg) {
			home = xdg
		} else {
			home = filepath.Join(home, ".local", "share")
		}
	}
	return filepath.Join(home, "beacon", name)
}
