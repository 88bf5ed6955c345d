package collect_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
)

func TestWhatComesTooFastIsToldWhenToComeBack(t *testing.T) {
	for _, x := range []struct {
		options collect.Options
		reason  string
		other   []string // of another client, which is not limited
	}{
		{collect.Options{AddressRate: 0.5, Proxies: behindProxy}, "address-rate", []string{"X-Forwarded-For", "203.0.113.2"}},
		{collect.Options{OriginRate: 0.5}, "origin-rate", []string{"Origin", "https://b.example"}},
	} {
		c, url := open(t, x.options)
		var res *http.Response
		n := 0
		for ; n < 100; n++ {
			if res = do(t, "POST", url+"/x", "", "Origin", "https://a.example"); res.StatusCode != 204 {
				break
			}
		}
		wait, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if n != 5 || res.StatusCode != 429 || err != nil || wait < 1 || wait > 2 {
			t.Errorf("after %d: %s, Retry-After %q", n, res.Status, res.Header.Get("Retry-After"))
		}
		if res.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Error("the page can't see why")
		}
		if res := do(t, "POST", url+"/x", "", x.other...); res.StatusCode != 204 {
			t.Errorf("somebody else: %s", res.Status)
		}
		checkStats(t, c, func(s collect.Stats) bool { return s.Refused[x.reason] == 1 })
	}
}

// Large bodies that are on their way in hold no more than a bound, and leave small ones
// alone.
func TestBodiesOnTheirWayAreBounded(t *testing.T) {
	c, url := open(t, collect.Options{MaxBody: 4 << 20})
	const size = 4 << 20
	chunk := strings.Repeat("x", size-1)
	var wg sync.WaitGroup
	refused := make(chan string, 20)
	var conns []io.Writer
	for range 20 { // 80 MiB, each without its last byte
		conn := dial(t, url)
		conns = append(conns, conn)
		wg.Go(func() {
			fmt.Fprintf(conn, "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, chunk)
		})
		go func() {
			line, _ := bufio.NewReader(conn).ReadString('\n')
			refused <- line
		}()
	}
	// The bound is reached long before all are in.
	if line := <-refused; !strings.Contains(line, "503") {
		t.Fatalf("%q", line)
	}
	if res := do(t, "POST", url+"/small", strings.Repeat("s", 10_000)); res.StatusCode != 204 {
		t.Errorf("a small one meanwhile: %s", res.Status)
	}
	wg.Wait()
	for _, conn := range conns {
		io.WriteString(conn, "x")
	}
	answers := map[string]int{}
	for range 19 {
		line := <-refused
		answers[strings.TrimSpace(line)]++
	}
	if answers["HTTP/1.1 204 No Content"] == 0 {
		t.Errorf("those that were let in: %v", answers)
	}
	if used := c.Memory(); used != 0 {
		t.Errorf("%d bytes are still counted", used)
	}
	if res := do(t, "POST", url+"/large", chunk); res.StatusCode != 204 {
		t.Errorf("a large one afterwards: %s", res.Status)
	}
}

func TestTooMuchIsToldBeforeItIsRead(t *testing.T) {
	c, url := open(t, collect.Options{MaxBody: 1000})
	for _, framing := range []string{"Content-Length: 1000000000", "Transfer-Encoding: chunked"} {
		conn := dial(t, url)
		fmt.Fprintf(conn, "POST /x HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", framing)
		if strings.HasPrefix(framing, "T") {
			fmt.Fprintf(conn, "3e9\r\n%s\r\n", strings.Repeat("x", 1001))
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 413 || !res.Close {
			t.Errorf("%s: %v %v", framing, res, err)
		}
	}
	checkStats(t, c, func(s collect.Stats) bool { return s.Refused["too-large"] == 2 })
}

// A handler that removes a Content-Encoding may pass on such a body.
func TestABodyThatIsLongerThanItsLengthIsKept(t *testing.T) {
	c, _ := open(t, collect.Options{})
	body := strings.Repeat("long ", 5000)
	r := httptest.NewRequest("POST", "/x", strings.NewReader(body))
	r.ContentLength = 5
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if all := records(t, c); w.Code != 204 || len(all) != 1 || string(all[0].Request.Body) != body {
		t.Errorf("%d, %d are kept", w.Code, len(all))
	}
}
