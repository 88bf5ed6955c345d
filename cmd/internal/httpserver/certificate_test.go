package httpserver

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
)

// In the middle of a renewal the two files don't fit. The log says so once, and only where that stays.
func TestCertificate_HalfRenewed_KeepsTheOldOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, key, _ := certtest.Write(t, t.TempDir(), 1)
		var log bytes.Buffer
		c, err := LoadCertificate(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		first := c.current
		for _, text := range []string{"half of a key", ""} {
			if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			log.Reset()
			for look := range 4 {
				time.Sleep(2 * certificateCheck)
				if got, err := c.Get(nil); got != first || err != nil {
					t.Errorf("with %q for a key: %v %v", text, got, err)
				}
				if lines := strings.Count(log.String(), "can't be used"); lines != min(look, 1) {
					t.Errorf("after look %d the log is %q", look, &log)
				}
			}
		}
		certtest.Write(t, filepath.Dir(cert), 2)
		if got, _ := c.Get(nil); got != first {
			t.Error("the files are checked more often than once in certificateCheck")
		}
		time.Sleep(2 * certificateCheck)
		if got, _ := c.Get(nil); got == first {
			t.Error("the new one is not in use")
		}
	})
}
