//go:build unix

package datadir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJoin_Home_IsTheUsersOwn(t *testing.T) {
	own := t.TempDir()
	other := "/"
	if os.Getuid() == 0 {
		other = t.TempDir()
		if err := os.Chown(other, 4242, 4242); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		name, home, xdg string
		within          string
		temporary       bool
	}{
		{"own home", own, "", own, false},
		{"own home and XDG", own, "/xdg", "/xdg", false},
		{"own home and a relative XDG", own, "xdg", own, false},
		{"no HOME", "", "/xdg", os.TempDir(), true},
		{"a HOME that does not exist", filepath.Join(own, "none"), "", os.TempDir(), true},
		{"another user's HOME", other, "/xdg", os.TempDir(), true},
	} {
		t.Setenv("HOME", x.home)
		t.Setenv("XDG_DATA_HOME", x.xdg)
		path, temporary := Join("outbox")
		if !strings.HasPrefix(path, x.within) || temporary != x.temporary || !filepath.IsAbs(path) {
			t.Errorf("%s: got %s, temporary: %v", x.name, path, temporary)
		}
	}
}

func TestExpand_Tilde_IsTheHome(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for path, want := range map[string]string{"~": "/home/ada", "~/x": "/home/ada/x", "~bob/x": "~bob/x", "/x/~": "/x/~", "": ""} {
		if got := Expand(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}
