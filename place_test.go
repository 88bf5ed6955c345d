package beacon_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon"
)

func TestOutboxDir_Variable_IsAnAbsolutePathOrAnError(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", "")
	for value, want := range map[string]string{
		"/var/spool/x": "/var/spool/x",
		"~/x":          filepath.Join(home, "x"),
		"~":            home,
		"relative":     "BEACON_OUTBOX=relative can't be used",
		"./x":          "can't be used",
		"~bob/x":       "can't be used",
		"OFF":          "can't be used",
		"off":          "sending is off",
		"log":          "printed instead",
	} {
		t.Setenv("BEACON_OUTBOX", value)
		dir, err := beacon.OutboxDir()
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && dir != want {
			t.Errorf("%q: got %q, %v; want %q", value, dir, err, want)
		}
	}
}

// Nothing is written where sending is off, printed, or has no place.
func TestSend_OutboxVariable_DecidesWhatHappens(t *testing.T) {
	if _, err := os.Stat("/"); err != nil {
		t.Skip("paths differ here")
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("a beacon was sent") }))
	defer s.Close()
	for value, x := range map[string]struct {
		want string // in the error
	}{
		"off":      {"sending is off"},
		"log":      {""},
		"relative": {"can't be used"},
	} {
		dir := t.TempDir()
		t.Setenv("HOME", dir)
		t.Setenv("BEACON_OUTBOX", value)
		stderr := os.Stderr
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		os.Stderr = w
		n, openErr := beacon.Open(beacon.Config{})
		if openErr == nil {
			openErr = n.Send(s.URL+"/x", "the body")
		}
		os.Stderr = stderr
		w.Close()
		printed, _ := io.ReadAll(r)
		if (openErr == nil) != (x.want == "") || openErr != nil && !strings.Contains(openErr.Error(), x.want) {
			t.Errorf("%s: got %v, want %q", value, openErr, x.want)
		}
		if value == "log" != strings.Contains(string(printed), "POST "+s.URL+"/x (text/plain;charset=UTF-8, 8 bytes): the body") {
			t.Errorf("%s: printed %q", value, printed)
		}
		if files, _ := os.ReadDir(dir); len(files) > 0 {
			t.Errorf("%s: %v was made in the home", value, files)
		}
	}
}
