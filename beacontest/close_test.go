package beacontest_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/beacontest"
)

// TestCloseLeavesNothingBehind closes on clients of every kind that are not finished.
func TestCloseLeavesNothingBehind(t *testing.T) {
	for _, x := range []struct {
		name     string
		requests int // that are read, or never are
		open     func(t *testing.T, plain, tls *beacontest.Collector)
	}{
		{"a request that hangs", 1, func(t *testing.T, plain, tls *beacontest.Collector) {
			plain.Answer(beacontest.Hang())
			tls.Answer(beacontest.Hang())
			for _, c := range []*beacontest.Collector{plain, tls} {
				go c.Client().Post(c.URL, "", strings.NewReader("x"))
			}
		}},
		{"a request that hangs unread", 1, func(t *testing.T, plain, tls *beacontest.Collector) {
			for _, c := range []*beacontest.Collector{plain, tls} {
				c.Answer(beacontest.Hang(), beacontest.Unread())
				go c.Client().Post(c.URL, "", strings.NewReader("x"))
			}
		}},
		{"a request that is delayed", 1, func(t *testing.T, plain, tls *beacontest.Collector) {
			for _, c := range []*beacontest.Collector{plain, tls} {
				c.Answer(beacontest.Delay(time.Hour))
				go c.Client().Post(c.URL, "", strings.NewReader("x"))
			}
		}},
		{"an idle connection", 1, func(t *testing.T, plain, tls *beacontest.Collector) {
			for _, c := range []*beacontest.Collector{plain, tls} {
				if res, err := c.Client().Post(c.URL, "", nil); err != nil || res.StatusCode != 204 {
					t.Error(res, err)
				}
			}
		}},
		{"a connection that says nothing", 0, func(t *testing.T, plain, tls *beacontest.Collector) {
			dial(t, plain.URL, "")
			dial(t, strings.Replace(tls.URL, "https", "http", 1), "")
		}},
		{"half a header", 0, func(t *testing.T, plain, _ *beacontest.Collector) {
			dial(t, plain.URL, "POST / HTTP/1.1\r\nHo")
		}},
		{"half a body", 0, func(t *testing.T, plain, tls *beacontest.Collector) {
			dial(t, plain.URL, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
			body := make(slow)
			t.Cleanup(func() { close(body) })
			go tls.Client().Post(tls.URL, "", body)
			body <- 'x'
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			plain, tls := beacontest.New(t), beacontest.NewTLS(t)
			x.open(t, plain, tls)
			for _, c := range []*beacontest.Collector{plain, tls} {
				c.WaitRequests(x.requests)
				began := time.Now()
				c.Close()
				most := 5 * time.Second
				if x.requests > 0 {
					most = time.Second // which only those in the middle of a request are given
				}
				if took := time.Since(began); took > most {
					t.Errorf("closed after %v", took)
				}
				c.Close() // is nothing
				if res, err := http.Get(c.URL); err == nil {
					t.Errorf("still there: %v", res.Status)
				}
			}
			waitGone(t, "beacontest.(*Collector)")
			waitGone(t, "net/http.(*conn).serve")
		})
	}
}

// A slow is a body that comes byte by byte.
type slow chan byte

func (s slow) Read(b []byte) (int, error) {
	c, ok := <-s
	if !ok {
		return 0, http.ErrBodyReadAfterClose
	}
	b[0] = c
	return 1, nil
}

// waitGone waits until no goroutine is in this function: who has just told of its end is
// about to return from it.
func waitGone(t *testing.T, function string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); running(function) != ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still running: %s", running(function))
		}
	}
}

// running is the stack of a goroutine that is in this function, or "".
func running(function string) string {
	buf := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, function+".") || strings.Contains(stack, function+"(") {
			return stack
		}
	}
	return ""
}

func TestWhatCameIsThereAfterTheEnd(t *testing.T) {
	c := beacontest.New(t)
	c.Answer(beacontest.Keep(), beacontest.Hang())
	given := make(chan error)
	go func() {
		_, err := c.Client().Post(c.URL, "", strings.NewReader("x"))
		given <- err
	}()
	c.Wait(1)
	c.Close()
	if err := <-given; err == nil {
		t.Error("what hung was answered")
	}
	if all := c.Beacons(); len(all) != 1 || string(all[0].Body) != "x" || all[0].Status != 0 {
		t.Errorf("%v", all)
	}
}

// An answer that is being written when the test ends is written: the sender is not to
// think that it was lost.
func TestCloseLetsAnswersGoOut(t *testing.T) {
	for range 100 {
		c := beacontest.New(t)
		client := http.Client{Transport: &http.Transport{}} // Close ends those of c.Client at once
		defer client.CloseIdleConnections()
		given := make(chan error)
		go func() {
			res, err := client.Post(c.URL, "", strings.NewReader("x"))
			if err == nil {
				res.Body.Close()
			}
			given <- err
		}()
		c.Wait(1) // is over before the answer is out
		c.Close()
		if err := <-given; err != nil {
			t.Fatal(err)
		}
	}
}
