//go:build unix

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func (s *server) post(path, contentType, body string) {
	s.p.t.Helper()
	res, err := http.Post(s.URL+path, contentType, strings.NewReader(body))
	if err != nil {
		s.p.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		s.p.t.Fatal(res.Status)
	}
}

func TestEachFormatHasWhatWasAcknowledgedBefore(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	for n := range 3 {
		s.post("/x", "application/json", fmt.Sprintf(`{"n": %d,`+"\n"+`"text": "a,\"b\""}`, n))
	}
	export := func(format string) string {
		out, errs, status := p.beacon("export", "--server", s.URL, "--format", format)
		if status != 0 { // stderr may have progress
			t.Fatalf("%s: status %d: %s", format, status, errs)
		}
		return out
	}
	var answered bytes.Buffer
	for _, row := range s.query("select data->'n' as n, body from beacons order by received_at") {
		fmt.Fprintln(&answered, row["n"], row["body"])
	}
	var lines bytes.Buffer
	for line := range strings.Lines(export("json")) {
		var row struct {
			Data map[string]any
			Body string
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		fmt.Fprintln(&lines, row.Data["n"], row.Body)
	}
	if lines.String() != answered.String() {
		t.Errorf("json:\n%s\nwant\n%s", &lines, &answered)
	}
	if table, err := csv.NewReader(strings.NewReader(export("csv"))).ReadAll(); err != nil || len(table) != 4 || table[0][0] != "id" {
		t.Errorf("csv: %q %v", table, err)
	}
	if out := export("parquet"); !strings.HasPrefix(out, "PAR1") || !strings.HasSuffix(out, "PAR1") {
		t.Errorf("parquet: %q", out)
	}
	if out := export("warc"); strings.Count(out, "WARC-Record-ID") != 3 {
		t.Errorf("warc: %s", out)
	}
	if _, errs, status := p.beacon("export", "--server", s.URL, "--format", "xlsx"); status != 2 || !strings.Contains(errs, "choose parquet") {
		t.Errorf("xlsx: status %d: %s", status, errs)
	}
	if left, _ := filepath.Glob(filepath.Join(p.data, queryDir, "export*")); left != nil {
		t.Errorf("the collector keeps %q", left)
	}
}

// TestACollectorThatDiesEndsTheExport kills it while the client is held up.
func TestACollectorThatDiesEndsTheExport(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	body := strings.Repeat("x", 1<<20)
	for range 32 { // more than pipes and sockets hold
		s.post("/x", "text/plain", body)
	}
	for _, format := range []string{"json", "warc"} {
		cmd := p.command("command", "export", "--server", s.URL, "--format", format)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		s.kill()
		n, err := io.Copy(io.Discard, out)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "try again") {
			t.Errorf("%s: status %d after %d bytes: %s", format, cmd.ProcessState.ExitCode(), n, &errs)
		}
		s = p.serve("127.0.0.1:0")
		if left, _ := filepath.Glob(filepath.Join(p.data, queryDir, "export*")); left != nil {
			t.Errorf("%s: %q is left after a start", format, left)
		}
	}
}

func TestHalfAnExportLeavesNothingInTheFile(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":1}\n")
			c.Close()
		}
	}()
	p := newPlace(t)
	path := filepath.Join(t.TempDir(), "beacons.json")
	for _, before := range []string{"", "what was there\n"} {
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		cmd := p.command("command", "export", "--format", "json", "--server", "http://"+l.Addr().String())
		cmd.Stdout = f
		err = cmd.Run()
		f.Close()
		if left, _ := os.ReadFile(path); err == nil || string(left) != before {
			t.Errorf("%v, and %q is left", err, left)
		}
	}
}

func TestATransferInWords(t *testing.T) {
	for _, c := range []struct {
		transfer
		elapsed time.Duration
		want    string
	}{
		{transfer{what: "export", size: 1200 << 20, read: 300 << 20}, 10 * time.Second, "export 25 % of 1.2 GiB, 30 MiB/s, 30s left"},
		{transfer{what: "export", size: -1, read: 5 << 20}, 2 * time.Second, "export 5.0 MiB, 2.5 MiB/s"},
		{transfer{what: "import", size: 100}, time.Second, "import 0 B, 0 B/s"},
	} {
		if got := c.line(c.elapsed); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
