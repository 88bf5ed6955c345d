//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestAGoProgramIsGoneBeforeItsBeaconArrives(t *testing.T) {
	for _, end := range []string{"exit", "kill"} {
		t.Run(end+", slow collector", func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s := p.serve("127.0.0.1:0")
			url, release := untilReleased(t, s)
			p.command("program", url+"/go", end).CombinedOutput() // until its end
			release()
			rows := s.waitRows(1, "select data, kind from beacons where stream='/go'")
			if data := rows[0]["data"].(map[string]any); data["end"] != end || len(rows) != 1 {
				t.Errorf("%v", rows)
			}
		})
		t.Run(end+", collector not started yet", func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			address := freeAddress(t)
			p.command("program", "http://"+address+"/go", end).Run()
			time.Sleep(time.Second)
			s := p.serve(address)
			if rows := s.waitRows(1, "select id from beacons where stream='/go'"); len(rows) != 1 {
				t.Errorf("%v", rows)
			}
		})
	}
}

func TestAShellScriptSendsAndAsks(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	out, errs, status := p.beacon("send", s.URL+"/deploys", `{"version":"1.2.3"}`)
	if status != 0 || out != "" || errs != "" {
		t.Errorf("send: status %d: %s %s", status, out, errs)
	}
	out, errs, status = p.beacon("query", "--server", s.URL, "select data->>'version' from beacons where stream='/deploys'")
	if status != 0 || out != "1.2.3\n" {
		t.Errorf("query: status %d: %q %s", status, out, errs)
	}
}

func TestSendSaysWhatIsWrong(t *testing.T) {
	p := newPlace(t)
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	os.WriteFile(big, make([]byte, 1<<20+1), 0o600)
	fits := filepath.Join(dir, "fits.bin")
	os.WriteFile(fits, make([]byte, 1<<20), 0o600)
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"send", "nonsense:// x"}, 2, "nonsense"},
		{[]string{"send", "nonsense://", "x"}, 2, "http: and https:"},
		{[]string{"send", "/relative"}, 2, "absolute URL"},
		{[]string{"send"}, 2, "a URL"},
		{[]string{"send", "http://127.0.0.1:1/", "a", "b"}, 2, "at most one DATA"},
		{[]string{"send", "--bogus", "http://127.0.0.1:1/"}, 2, "--bogus"},
		{[]string{"send", "--form", "novalue", "http://127.0.0.1:1/"}, 2, "name=value"},
		{[]string{"send", "http://127.0.0.1:1/", "@" + filepath.Join(dir, "none")}, 2, "no such file"},
		{[]string{"send", "http://127.0.0.1:1/", "@" + big}, 1, "beacon: too large: its body has 1048577 bytes, over the limit of 1048576"},
		{[]string{"send", "http://127.0.0.1:1/", "@" + fits}, 0, ""},
		{[]string{"send", "--outbox", "/dev/null/x", "http://127.0.0.1:1/", "x"}, 1, "not a directory"},
		{[]string{"sendd"}, 2, "unknown command"},
		{[]string{"query", "--server", "http://127.0.0.1:1", "select 1"}, 1, "beacon serve"},
		{[]string{"query"}, 2, "one SQL statement"},
		{[]string{"query", "--format", "xml", "select 1"}, 2, "table, json or csv"},
	} {
		_, errs, status := p.beacon(c.args...)
		if status != c.status || !strings.Contains(errs, c.says) {
			t.Errorf("%q: status %d, want %d: %s", c.args, status, c.status, errs)
		}
	}
}

func TestSend_BodyOver64KiB_IsDelivered(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	data := filepath.Join(t.TempDir(), "data.txt")
	os.WriteFile(data, []byte(strings.Repeat("x", 65<<10)), 0o600)
	if _, errs, status := p.beacon("send", "--wait", "10s", s.URL+"/big", "@"+data); status != 0 {
		t.Fatalf("send of 65 KiB: got status %d: %s", status, errs)
	}
	if rows := s.waitRows(1, "select length(data->>'$') as n from beacons where stream='/big'"); rows[0]["n"] != float64(65<<10) {
		t.Errorf("got %v, want a text of %d characters", rows, 65<<10)
	}
}

func TestSend_OutboxVariableIsNotAPath_IsExplained(t *testing.T) {
	for _, c := range []struct {
		outbox string
		url    string
		status int
		says   string
	}{
		{"off", "http://127.0.0.1:1/x", 1, "beacon: send: sending is off: BEACON_OUTBOX=off is set in the environment\n"},
		{"off", "/relative", 2, "absolute URL"},
		{"log", "http://127.0.0.1:1/x", 0, "beacon: not sent, because of BEACON_OUTBOX=log: POST http://127.0.0.1:1/x (text/plain;charset=UTF-8, 5 bytes): hello\n"},
		{"relative", "http://127.0.0.1:1/x", 1, "beacon: send: BEACON_OUTBOX=relative can't be used: write an absolute path"},
		{"relative", "/relative", 2, "absolute URL"},
	} {
		p := newPlace(t)
		p.outbox = c.outbox
		out, errs, status := p.beacon("send", c.url, "hello")
		if status != c.status || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("BEACON_OUTBOX=%s send %s: got status %d and %q, want %d and %q", c.outbox, c.url, status, out+errs, c.status, c.says)
		}
	}
}

func TestOutboxShowsWhatBecameOfIt(t *testing.T) {
	p := newPlace(t)
	address := freeAddress(t)
	for _, data := range []string{"one", "two"} {
		if _, errs, status := p.beacon("send", "http://"+address+"/x", data); status != 0 {
			t.Fatal(errs)
		}
	}
	if out, _, _ := p.beacon("outbox", "status", "--json"); !strings.Contains(out, `"accepted":2,"delivered":0,"pending":2,"dead":0`) {
		t.Errorf("before: %s", out)
	}
	if _, errs, status := p.beacon("outbox", "flush", "--timeout", "300ms"); status != 1 || !strings.Contains(errs, "2 beacons still wait") {
		t.Errorf("flush to nobody: status %d: %s", status, errs)
	}
	s := p.serve(address)
	if _, errs, status := p.beacon("outbox", "flush"); status != 0 {
		t.Errorf("flush: status %d: %s", status, errs)
	}
	if out, _, _ := p.beacon("outbox", "status", "--json"); !strings.Contains(out, `"accepted":2,"delivered":2,"pending":0,"dead":0`) {
		t.Errorf("after: %s", out)
	}
	// Refused beacons are in dead/, and can be sent again.
	p.beacon("send", s.URL+"/-/nothing", "x")
	if _, errs, status := p.beacon("outbox", "flush"); status != 0 {
		t.Errorf("flush: %s", errs)
	}
	if out, _, _ := p.beacon("outbox", "--json"); !strings.Contains(out, `"accepted":3,"delivered":2,"pending":0,"dead":1,"refused":1`) {
		t.Errorf("refused: %s", out)
	}
	if out, errs, _ := p.beacon("outbox", "retry"); !strings.Contains(out, "waiting again: 1") {
		t.Errorf("retry: %s %s", out, errs)
	}
	p.beacon("outbox", "flush")
	if out, _, _ := p.beacon("outbox", "drop", "--dead"); !strings.Contains(out, "dropped: 1") {
		t.Errorf("drop: %s", out)
	}
	if out, _, _ := p.beacon("outbox"); !strings.Contains(out, "refused by the server  1") || strings.Contains(out, "retry") {
		t.Errorf("at the end: %s", out)
	}
}
