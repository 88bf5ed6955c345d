//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d051cf5a/beacon"
)

// Each way not to be delivered has its reason where its owner looks.
func TestOutbox_BeaconWaits_SaysWhy(t *testing.T) {
	answers := func(status int) func(t *testing.T) string {
		return func(t *testing.T) string {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
			t.Cleanup(s.Close)
			return s.URL + "/x"
		}
	}
	for name, x := range map[string]struct {
		url  func(t *testing.T) string
		says string
		dead bool
	}{
		"refused connection": {func(t *testing.T) string { return "http://" + freeAddress(t) + "/x" }, "connection refused", false},
		"unknown host":       {func(*testing.T) string { return "http://nowhere.invalid/x" }, "no such host", false},
		"unknown authority": {func(t *testing.T) string {
			s := httptest.NewUnstartedServer(http.NotFoundHandler())
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			t.Cleanup(s.Close)
			return s.URL + "/x"
		}, "certificate signed by unknown authority", false},
		"no TLS": {func(t *testing.T) string { return strings.Replace(answers(200)(t), "http:", "https:", 1) }, "first record does not look like a TLS handshake", false},
		"silence": {func(t *testing.T) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			return "http://" + l.Addr().String() + "/x"
		}, "no answer yet", false},
		"503": {answers(503), "503 Service Unavailable", false},
		"429": {answers(429), "429 Too Many Requests", false},
		"404": {answers(404), "refused 404 Not Found", true},
		"401": {answers(401), "refused 401 Unauthorized", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			url := x.url(t)
			_, errs, status := p.beacon("send", "--wait", "4s", url, "hello")
			if status != 1 || !strings.Contains(errs, x.says) {
				t.Errorf("send --wait: status %d, want 1 with %q: %s", status, x.says, errs)
			}
			args := []string{"outbox", "list"}
			if x.dead {
				args = append(args, "--dead")
			}
			list, errs, status := p.beacon(args...)
			lines := strings.Split(strings.TrimSpace(list), "\n")
			if status != 0 || len(lines) != 2 || !strings.Contains(lines[1], url) {
				t.Fatalf("list: status %d: %s %s", status, list, errs)
			}
			id, _, _ := strings.Cut(lines[1], " ")
			show, errs, status := p.beacon("outbox", "show", id)
			if status != 0 || !strings.Contains(show, "hello") || !strings.Contains(show, url) {
				t.Errorf("show: status %d: %s %s", status, show, errs)
			}
			if name != "silence" { // its first attempt may still run
				for what, text := range map[string]string{"list": list, "show": show} {
					if !strings.Contains(text, x.says) {
						t.Errorf("%s does not say %q:\n%s", what, x.says, text)
					}
				}
				if out, _, _ := p.beacon("outbox"); !x.dead && !strings.Contains(out, x.says) {
					t.Errorf("outbox does not say %q:\n%s", x.says, out)
				}
			}
			if out, errs, status := p.beacon("outbox", "drop", id); status != 0 || !strings.Contains(out, "dropped: 1") {
				t.Errorf("drop: status %d: %s %s", status, out, errs)
			}
			out, _, _ := p.beacon("outbox", "--json")
			var s beacon.Status
			if err := json.Unmarshal([]byte(out), &s); err != nil || s.Accepted != 1 || s.Pending != 0 || s.Dead != 1 || s.Dropped+s.Refused != 1 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestSendWait_Delivered_Is0(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	if out, errs, status := p.beacon("send", "--wait", "10s", s.URL+"/x", "hello"); status != 0 || out+errs != "" {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

func TestOutboxDrop_BadArguments_AreNamed(t *testing.T) {
	p := newPlace(t)
	p.beacon("send", "http://"+freeAddress(t)+"/x", "hello")
	for _, x := range []struct {
		args []string
		says string
	}{
		{nil, "drop needs one of"},
		{[]string{"--all", "--dead"}, "drop needs one of"},
		{[]string{"nothing"}, "is not an ID"},
		{[]string{"--origin", "localhost:8080"}, "is not an origin"},
	} {
		if _, errs, status := p.beacon(append([]string{"outbox", "drop"}, x.args...)...); status != 2 || !strings.Contains(errs, x.says) {
			t.Errorf("%v: status %d: %s", x.args, status, errs)
		}
	}
	if _, errs, status := p.beacon("outbox", "show", "0199e2b4-6a55-7b1e-9c64-0a4f3f1a2b3c"); status != 1 || !strings.Contains(errs, "no beacon") {
		t.Errorf("show: status %d: %s", status, errs)
	}
}

func TestSend_SignalWhileThePipeIsOpen_Ends(t *testing.T) {
	p := newPlace(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := p.command("command", "send", "http://"+freeAddress(t)+"/x", "@"+fifo)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0) // waits until the command reads
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want status 1", err)
	}
}

// Orders take effect while a deliverer runs that other beacons keep busy.
func TestOutboxDrop_ManyWait_TakesEffectAtOnce(t *testing.T) {
	p := newPlace(t)
	gone := "http://" + freeAddress(t)
	for i := range 20 {
		p.beacon("send", fmt.Sprintf("%s/%d", gone, i), "x")
	}
	if out, errs, status := p.beacon("outbox", "drop", "--origin", strings.ToUpper(gone)+"/any?path"); status != 0 || !strings.Contains(out, "dropped: 20") {
		t.Errorf("status %d: %s %s", status, out, errs)
	}
	if out, _, _ := p.beacon("outbox", "--json"); !strings.Contains(out, `"pending":0`) || !strings.Contains(out, `"dropped":20`) {
		t.Errorf("%s", out)
	}
}
