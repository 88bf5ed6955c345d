package warc

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// TestWarcio_FilesOfBoth_AreRead: warcio, the library of the web archives, reads records of this package, and this
// package reads its records.
func TestWarcio_FilesOfBoth_AreRead(t *testing.T) {
	python, libs := warcio(t)
	dir := t.TempDir()
	run := func(script string, args ...string) string {
		t.Helper()
		cmd := exec.Command(python, append([]string{"-c", script}, args...)...)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+libs)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}

	bodies := []string{"hello", "", "\r\n\r\nWARC/1.1\r\n", strings.Repeat("\x00\xff", 40_000)}
	var ours []byte
	for _, b := range bodies {
		ours = append(ours, encode(t, sample(b))...)
	}
	path := filepath.Join(dir, "ours.warc")
	if err := os.WriteFile(path, ours, 0o600); err != nil {
		t.Fatal(err)
	}
	got := run(`
import sys
from warcio.archiveiterator import ArchiveIterator
with open(sys.argv[1], 'rb') as f:
    for r in ArchiveIterator(f):
        h = r.rec_headers
        print(r.rec_type, h.get_header('WARC-Target-URI'), h.get_header('WARC-Record-ID'), r.http_headers.protocol, r.http_headers.statusline,
            r.http_headers.get_header('Host'), r.content_stream().read().hex())
`, path)
	want := ""
	for _, b := range bodies {
		r := sample(b)
		want += "request " + r.Target + " <urn:uuid:" + r.ID.String() + "> POST " + r.Request.Target + " HTTP/1.1 example.com " + hex.EncodeToString([]byte(b)) + "\n"
	}
	if got != want {
		t.Errorf("warcio read\n%.2000s\nwant\n%.2000s", got, want)
	}

	theirs := filepath.Join(dir, "theirs.warc")
	run(`
import sys
from io import BytesIO
from warcio.warcwriter import WARCWriter
from warcio.statusandheaders import StatusAndHeaders
with open(sys.argv[1], 'wb') as f:
    w = WARCWriter(f, gzip=False, warc_version='WARC/1.1')
    for body in (b'hello', b'', b'\r\n\r\nWARC/1.1\r\n'):
        h = StatusAndHeaders('POST /x?y HTTP/1.1', [('Host', 'example.com')], is_http_request=True)
        w.write_record(w.create_warc_record('http://example.com/x?y', 'request', payload=BytesIO(body), http_headers=h))
`, theirs)
	text, err := os.ReadFile(theirs)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"hello", "", "\r\n\r\nWARC/1.1\r\n"} {
		r, n, err := Parse(text)
		if err != nil || string(r.Request.Body) != body || r.Request.Method != "POST" || r.Request.Target != "/x?y" || r.Request.Header.Get("host") != "example.com" || r.Target != "http://example.com/x?y" {
			t.Fatalf("%+v, %v", r, err)
		}
		text = text[n:]
	}
	if len(text) != 0 {
		t.Errorf("left over: %q", text)
	}
}

// warcio finds the library, or installs it into the user's cache.
func warcio(t *testing.T) (python, libs string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	proctest.Needs(t, "Python 3", err == nil)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	libs = filepath.Join(cache, "beacon-test", "warcio-1.7.5")
	if _, err := os.Stat(filepath.Join(libs, "warcio")); err != nil {
		out, err := exec.Command(python, "-m", "pip", "install", "--quiet", "--target", libs, "warcio==1.7.5").CombinedOutput()
		if err != nil {
			t.Logf("%s", out)
		}
		proctest.Needs(t, "pip, and warcio from it", err == nil)
	}
	return python, libs
}
