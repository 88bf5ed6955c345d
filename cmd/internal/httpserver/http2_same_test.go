package httpserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// describe is a handler that answers with all that it sees of a request, except for trailers, which the
// Server drops.
func describe(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %q path=%q raw=%q query=%q host=%q proto=%s %d.%d length=%d tls=%v close=%v\n",
		r.Method, r.RequestURI, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.Host, r.Proto, r.ProtoMajor, r.ProtoMinor, r.ContentLength, r.TLS != nil, r.Close)
	fmt.Fprintf(w, "transfer=%v form=%v\n", r.TransferEncoding, r.Form)
	r.Header.Del("Expect") // net/http deletes it for HTTP/2 only
	r.Header.Del("Trailer")
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
	}
	fmt.Fprintf(w, "body %d %x %v\n", len(body), crc32.ChecksumIEEE(body), err)
}

// A sameCase is a request that both servers must answer alike.
type sameCase struct {
	name   string
	method string
	path   string // "/" where it is empty
	header http.Header
	body   io.Reader
	set    func(*http.Request)
	handle http.HandlerFunc // describe where it is nil
}

func sameCases() []sameCase {
	unknown := func(n int) io.Reader { return struct{ io.Reader }{bytes.NewReader(pattern(n))} }
	cases := []sameCase{
		{name: "GET", method: "GET"},
		{name: "GET with a query", method: "GET", path: "/a%2Fb/c%20d?x=1&y=%20&z"},
		{name: "path with odd characters", method: "GET", path: "/a;b/!$&'()*+,=:@[]|^~"},
		{name: "path that is not clean", method: "GET", path: "//a//../b/./c//"},
		{name: "HEAD", method: "HEAD", handle: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1234")
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "not sent")
		}},
		{name: "HEAD without a length", method: "HEAD", handle: func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "not sent") }},
		{name: "HEAD of a long answer", method: "HEAD", handle: func(w http.ResponseWriter, r *http.Request) { w.Write(pattern(100000)) }},
		{name: "OPTIONS", method: "OPTIONS", header: http.Header{"Origin": {"https://a.example"}, "Access-Control-Request-Method": {"POST"}}},
		{name: "PUT", method: "PUT", body: strings.NewReader("abc")},
		{name: "DELETE", method: "DELETE"},
		{name: "PATCH", method: "PATCH", body: unknown(10)},
		{name: "own method", method: "BREW"},
		{name: "204", method: "POST", body: strings.NewReader("abc"), handle: func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(204)
			_, err := io.WriteString(w, "x")
			if !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(err)
			}
		}},
		{name: "304", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"a"`)
			w.WriteHeader(304)
		}},
		{name: "404 of net/http", method: "GET", handle: http.NotFound},
		{name: "500 with a body", method: "POST", handle: func(w http.ResponseWriter, r *http.Request) { http.Error(w, "broken", 500) }},
		{name: "redirect", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusSeeOther) }},
		{name: "no write", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {}},
		{name: "empty write", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) { w.Write(nil) }},
		{name: "second WriteHeader", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(202)
			w.WriteHeader(500)
		}},
		{name: "length of its own", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "12345")
		}},
		{name: "type of its own", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-own")
			io.WriteString(w, "<html>")
		}},
		{name: "sniffed type", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html><p>x") }},
		{name: "sniffed type of a long write", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "<html>"+strings.Repeat("x", 20000))
		}},
		{name: "no type where the content is encoded", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			io.WriteString(w, "<html>")
		}},
		{name: "header that is not valid", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.Header()["X Y"] = []string{"1"}
			w.Header()[""] = []string{"1"}
			w.Header()["X-Zero"] = []string{"a\x00b"}
			w.Header()["x-lower"] = []string{"1"}
			w.Header()["X-Many"] = []string{"1", "2", ""}
			w.Header()["X-Nil"] = nil
		}},
		{name: "Date of its own", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Date", "never") }},
		{name: "large answer header", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			for i := range 40 {
				w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("v", 1000))
			}
		}},
		{name: "informational answers", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(200)
		}},
		{name: "many header values", method: "POST", header: http.Header{"X-A": {"1", "2", "", "a, b"}, "Accept": {"*/*"}, "X-Empty": {""}, "X-Pad": {"  a  "}, "X-Bytes": {"caf\xc3\xa9 \xff"}}},
		{name: "cookies", method: "GET", header: http.Header{"Cookie": {"a=1; b=2; c=3", "d=4"}}},
		{name: "header of 30 KiB", method: "POST", header: http.Header{"X-Long": {strings.Repeat("x", 15<<10)}, "X-Longer": {strings.Repeat("y~", 7<<10)}}},
		{name: "many headers", method: "POST", header: manyHeaders(500)},
		{name: "host", method: "GET", set: func(r *http.Request) { r.Host = "other.example:8443" }},
		{name: "TE and Priority", method: "GET", header: http.Header{"Te": {"trailers"}, "Priority": {"u=1, i"}}},
		{name: "100-continue", method: "POST", body: bytes.NewReader(pattern(50000)), header: http.Header{"Expect": {"100-continue"}}},
		{name: "100-continue of a short body", method: "POST", body: bytes.NewReader(pattern(50)), header: http.Header{"Expect": {"100-continue"}}},
		{name: "trailers", method: "POST", body: unknown(10), set: func(r *http.Request) { r.Trailer = http.Header{"X-Sum": {"1"}} }},
		{name: "large body that is not read", method: "POST", body: bytes.NewReader(pattern(5 << 20)), handle: func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		}},
		{name: "large body of which a part is read", method: "POST", body: bytes.NewReader(pattern(5 << 20)), handle: func(w http.ResponseWriter, r *http.Request) {
			io.CopyN(io.Discard, r.Body, 100000)
			io.WriteString(w, "enough")
		}},
		{name: "MaxBytesReader", method: "POST", body: bytes.NewReader(pattern(100000)), handle: func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1000))
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}},
		{name: "abort", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }},
		{name: "abort after a part", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.Write(pattern(100000))
			panic(http.ErrAbortHandler)
		}},
		{name: "too short an answer", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "12345")
		}},
		{name: "too long an answer", method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "12345")
		}},
	}
	for _, n := range []int{0, 1, 100, 4096, 16384, 16385, longBody - 1, longBody, longBody + 1, streamWindow, 100000, 5 << 20} {
		cases = append(cases,
			sameCase{name: fmt.Sprintf("POST of %d bytes", n), method: "POST", body: bytes.NewReader(pattern(n))},
			sameCase{name: fmt.Sprintf("POST of %d bytes, of unknown length", n), method: "POST", body: unknown(n)},
			sameCase{name: fmt.Sprintf("answer of %d bytes", n), method: "GET", handle: func(w http.ResponseWriter, r *http.Request) { w.Write(pattern(n)) }},
			sameCase{name: fmt.Sprintf("answer of %d bytes in parts", n), method: "GET", handle: func(w http.ResponseWriter, r *http.Request) {
				for rest := pattern(n); len(rest) > 0; rest = rest[min(len(rest), 1000):] {
					w.Write(rest[:min(len(rest), 1000)])
				}
			}},
			sameCase{name: fmt.Sprintf("echo of %d bytes", n), method: "POST", body: unknown(n), handle: func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }},
		)
	}
	return cases
}

var noise = sync.OnceValue(func() []byte {
	b := make([]byte, 5<<20)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
})

// pattern returns n bytes, at most 5 MiB, that no compression or copy of a part can produce.
func pattern(n int) []byte { return noise()[:n:n] }

func manyHeaders(n int) http.Header {
	h := http.Header{}
	for i := range n {
		h.Set("X-"+strconv.Itoa(i), strconv.Itoa(i*i))
	}
	return h
}

// TestHTTP2_SameAsNetHTTP sends the same requests to both servers.
func TestHTTP2_SameAsNetHTTP(t *testing.T) {
	cases := sameCases()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i, err := strconv.Atoi(r.Header.Get("X-Case")); err == nil && cases[i].handle != nil {
			cases[i].handle(w, r)
		} else {
			describe(w, r)
		}
	})
	eachTransport(t, func(t *testing.T, overTLS bool) {
		ours, reference := serveTest(t, Options{Handler: handler}).client(t, overTLS), serveNetHTTP(t, handler).client(t, overTLS)
		for i, x := range cases {
			got, want := x.ask(t, ours, overTLS, i), x.ask(t, reference, overTLS, i)
			if got != want {
				t.Errorf("%s: answered\n%.1500s\nand by net/http\n%.1500s", x.name, got, want)
			}
		}
	})
}

// ask returns all of an answer except for the date.
func (x *sameCase) ask(t *testing.T, client *http.Client, overTLS bool, number int) string {
	t.Helper()
	path := x.path
	if path == "" {
		path = "/"
	}
	if seeker, ok := x.body.(io.Seeker); ok {
		seeker.Seek(0, io.SeekStart)
	} else if s, ok := x.body.(struct{ io.Reader }); ok {
		s.Reader.(io.Seeker).Seek(0, io.SeekStart)
	}
	r, err := http.NewRequestWithContext(t.Context(), x.method, testURL(overTLS, path), x.body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range x.header {
		r.Header[name] = slices.Clone(values)
	}
	r.Header.Set("X-Case", strconv.Itoa(number))
	if x.set != nil {
		x.set(r)
	}
	res, err := client.Do(r)
	if err != nil {
		return fmt.Sprintf("error %s", kindOf(err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s length=%d uncompressed=%v\n", res.Status, res.Proto, res.ContentLength, res.Uncompressed)
	if res.Header.Get("Date") != "never" {
		res.Header.Del("Date")
	}
	for _, name := range slices.Sorted(maps.Keys(res.Header)) {
		fmt.Fprintf(&b, "%s: %q\n", name, res.Header[name])
	}
	fmt.Fprintf(&b, "trailer %v, %d bytes, error %s\n", res.Trailer, len(body), kindOf(err))
	if len(body) < 20000 {
		b.Write(body)
	} else if !bytes.Equal(body, pattern(len(body))) && !bytes.HasPrefix(body, []byte("<html>")) {
		b.WriteString("wrong bytes")
	}
	return b.String()
}

// kindOf is an error without what differs between two servers.
func kindOf(err error) string {
	switch {
	case err == nil:
		return "none"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	text := err.Error()
	for _, code := range []string{"INTERNAL_ERROR", "PROTOCOL_ERROR", "NO_ERROR", "CANCEL", "STREAM_CLOSED", "FLOW_CONTROL_ERROR", "REFUSED_STREAM", "COMPRESSION_ERROR", "ENHANCE_YOUR_CALM"} {
		if strings.Contains(text, code) {
			return code
		}
	}
	return text
}
