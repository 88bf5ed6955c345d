package collect_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// postLines posts nothing, with these headers, a line for each, and returns the status line.
func postLines(t *testing.T, url string, header []string) string {
	t.Helper()
	head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
	for i := 0; i < len(header); i += 2 {
		head += header[i] + ": " + header[i+1] + "\r\n"
	}
	conn := dial(t, url)
	fmt.Fprintf(conn, "%s\r\n", head)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func dial(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}
