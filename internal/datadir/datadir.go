// Package datadir returns where a platform keeps the data of a user's programs.
package datadir

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Join returns a path in Beacon's folder of the user's data directory. A user without a home of its own,
// such as a daemon, or root with another user's HOME, gets a folder of its own in the directory for
// temporary files; temporary is true then.
func Join(name string) (path string, temporary bool) {
	home, err := os.UserHomeDir()
	if err == nil {
		err = checkOwn(home)
	}
	if err != nil {
		// Only one level deep: other users can't replace what is directly in the temporary directory.
		return filepath.Join(os.TempDir(), "beacon-"+strconv.Itoa(os.Getuid())+"-"+name), true
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
	return filepath.Join(home, "beacon", name), false
}

// Expand replaces a ~ at the beginning of a path, alone or before a slash, with the user's home.
func Expand(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && rest[0] != '/' && rest[0] != filepath.Separator {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return home + rest
}
