//go:build unix

package main

import (
	"bufio"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestTail_Stream_PrintsOnlyItsBeacons(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	for _, stream := range []string{"/shop", "/shop/pay", "/blog"} {
		s.post(stream, "text/plain", "before")
	}
	for _, x := range []struct {
		filter string
		want   []string // streams, before and after the start of beacon tail
	}{
		{"/shop", []string{"/shop", "/shop"}},
		{"/shop/*", []string{"/shop/pay", "/shop/pay"}},
		{"blo", []string{"/blog", "/blog"}},
		{"", []string{"/blog", "/shop"}},
	} {
		t.Run(x.filter, func(t *testing.T) {
			cmd := p.command("command", "tail", "--server", s.URL, "--last", "1", "--stream", x.filter)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			lines := bufio.NewReader(out)
			for i, stream := range x.want {
				line, err := lines.ReadString('\n')
				if fields := strings.Fields(line); err != nil || len(fields) < 2 || fields[1] != stream {
					t.Fatalf("line %d: got %q (%v), want the stream %s", i, line, err, stream)
				}
				if i == 0 {
					for _, stream := range []string{"/shop", "/shop/pay", "/blog"} {
						s.post(stream, "text/plain", "after")
					}
				}
			}
			cmd.Process.Signal(syscall.SIGINT)
			if err := cmd.Wait(); err != nil {
				t.Errorf("beacon tail ended with %v", err)
			}
		})
	}
}
