package main

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
)

func TestTheLogNamesNoAddress(t *testing.T) {
	end := func(ip string) *net.TCPAddr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 4711} }
	for _, peer := range []string{"203.0.113.77", "2001:db8::77"} {
		err := fmt.Errorf("export: %w", &net.OpError{Op: "write", Net: "tcp", Source: end("127.0.0.1"), Addr: end(peer), Err: syscall.ECONNRESET})
		var out strings.Builder
		newLog(&out).Warn("export ended early", "error", err)
		if strings.Contains(out.String(), peer) || strings.Count(out.String(), "(an address)") != 2 || !strings.Contains(out.String(), "connection reset by peer") {
			t.Error(out.String())
		}
	}
}
