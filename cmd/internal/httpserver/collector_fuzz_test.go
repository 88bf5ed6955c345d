package httpserver_test

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/httpserver"
	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// FuzzCollector posts whatever it is given, as the bytes of a connection and as a body with
// labels: what was received is kept or refused, and what is kept is rows.
func FuzzCollector(f *testing.F) {
	for _, seed := range [][3]string{
		{"", "", ""},
		{`{"a":1}`, "application/json", ""},
		{"a=b&c=%zz", "application/x-www-form-urlencoded", ""},
		{"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n", "multipart/form-data; boundary=x", ""},
		{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00", "text/plain", "gzip"},
		{"\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00\x99\xe9\xd8\x51", "", "zstd"},
		{"\x06", "text/plain;charset=UTF-8", "br, gzip"},
		{"[{\"type\":\"network-error\"}]", "application/reports+json", "deflate"},
	} {
		f.Add([]byte(seed[0]), seed[1], seed[2])
	}
	var kept, rows atomic.Int64
	handler := collect.Handler(func(record []byte) error {
		kept.Add(1)
		r, n, err := warc.Parse(record)
		if err != nil || n != len(record) {
			panic(fmt.Sprintf("what is kept is no record: %v", err))
		}
		rows.Add(int64(len(row.Rows(&r))))
		return nil
	}, collect.Options{MaxBody: 100_000, Batch: func(string) bool { return true }})
	socket := filepath.Join(f.TempDir(), "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		f.Fatal(err)
	}
	server := httpserver.New(httpserver.Options{Handler: handler})
	go server.Serve(l)
	f.Cleanup(func() { server.Close() })

	f.Fuzz(func(t *testing.T, body []byte, contentType, encoding string) {
		for _, raw := range [][]byte{
			body,
			append(fmt.Appendf(nil, "POST /fuzz HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n", contentType, encoding, len(body)), body...),
		} {
			conn, err := net.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			conn.Write(raw)
			conn.(*net.UnixConn).CloseWrite()
			io.Copy(io.Discard, conn)
			conn.Close()
		}
		if s := handler.(*collect.Collector).Stats(); s.Accepted != uint64(kept.Load()) {
			t.Errorf("got %+v, want %d accepted", s, kept.Load())
		}
		if rows.Load() < kept.Load() {
			t.Errorf("%d rows of %d beacons", rows.Load(), kept.Load())
		}
	})
}
