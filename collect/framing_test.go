package collect_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
)

// Where a body's end isn't known, what follows is no request.
func TestWhatFollowsABrokenBodyIsNoRequest(t *testing.T) {
	c, url := open(t, collect.Options{})
	conn := dial(t, url)
	fmt.Fprint(conn, "POST /broken HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX T\r\n\r\n"+
		"POST /smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nb")
	answers, err := io.ReadAll(conn)
	if n := strings.Count(string(answers), "HTTP/1.1 "); n != 1 || !strings.HasPrefix(string(answers), "HTTP/1.1 400") {
		t.Errorf("%d answers: %q %v", n, answers, err)
	}
	if kept := records(t, c); len(kept) != 0 {
		t.Errorf("%d beacons are kept", len(kept))
	}
}

// A client may send the whole URL, as it does to a proxy. Its path is the stream as it was sent.
func TestTheWholeURLHasTheSameStream(t *testing.T) {
	c, url := open(t, collect.Options{})
	for _, target := range []string{"/a|b", "/a%2fb?c|d", "/\u00fc"} {
		for _, whole := range []string{target, "http://x" + target} {
			conn := dial(t, url)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", whole)
			if answer, err := io.ReadAll(conn); !strings.HasPrefix(string(answer), "HTTP/1.1 204") {
				t.Errorf("%s: %q %v", whole, answer, err)
				continue
			}
			kept := records(t, c)
			if got := kept[len(kept)-1].Request.Target; got != target {
				t.Errorf("%s became %s", whole, got)
			}
		}
	}
}
