package beacontest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/beacontest"
)

// The tests of this file show how the package is used; the first is README's.

// sell is a function of the program under test. It reports a sale and does not wait.
func sell(to, what string) error {
	return beacon.Send(to, beacon.JSON(map[string]string{"what": what}))
}

func TestASaleIsReported(t *testing.T) {
	t.Setenv("BEACON_OUTBOX", t.TempDir())
	c := beacontest.New(t)
	c.Answer(beacontest.Status(503)) // to the first request
	sell(c.URL+"/sales", "tea")      // calls beacon.Send
	b := c.Wait(1)[0]                // fails with a list of the requests if no beacon comes
	if b.Times != 2 || string(b.Data) != `{"what":"tea"}` {
		t.Errorf("got %v", b)
	}
	beacon.Flush(t.Context()) // the outbox is in use until the sender has its answer
}

func TestAServerSaysWhenToAskAgain(t *testing.T) {
	c := beacontest.New(t)
	c.Answer(beacontest.Status(429), beacontest.RetryAfter(time.Second))
	s := open(t, beacon.Config{})
	if err := s.Send(c.URL, "hello"); err != nil {
		t.Fatal(err)
	}
	if b := c.Wait(1)[0]; b.Times != 2 || string(b.Body) != "hello" {
		t.Errorf("got %v", b)
	}
	if r := c.Requests(); r[1].ReceivedAt.Sub(r[0].ReceivedAt) < time.Second {
		t.Errorf("asked again too soon: %v", r)
	}
	s.Flush(t.Context())
}

// open returns a sender with an outbox of the test's own.
func open(t *testing.T, c beacon.Config) *beacon.Sender {
	t.Helper()
	c.Dir = t.TempDir()
	s, err := beacon.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestABeaconWhoseAnswerIsLostIsStillOne(t *testing.T) {
	c := beacontest.NewTLS(t)
	c.Answer(beacontest.Keep(), beacontest.Drop())
	s := open(t, beacon.Config{Base: c.Client().Transport})
	if err := s.Send(c.URL, "hello"); err != nil {
		t.Fatal(err)
	}
	s.Flush(t.Context())
	if all := c.Beacons(); len(all) != 1 || all[0].Times != 2 || all[0].Proto != "HTTP/2.0" {
		t.Errorf("got %v", all)
	}
}

// A client of the test's own, without this module's sender.
func TestATrackerGivesUpWhereItIsNotWanted(t *testing.T) {
	c := beacontest.New(t)
	c.AnswerAll(beacontest.OnStream("/visits"), beacontest.Status(403))
	for path, want := range map[string]int{"/hello": 204, "/visits": 403} {
		res, err := c.Client().Post(c.URL+path, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %v", path, res.Status)
		}
	}
	if all := c.Beacons(); len(all) != 1 || all[0].Stream != "/hello" || all[0].Kind != "text" {
		t.Errorf("got %v", all)
	}
}

// giveUp is a client that gives up once its request has come.
func giveUp(t *testing.T, c *beacontest.Collector) {
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error)
	go func() {
		req, _ := http.NewRequestWithContext(ctx, "POST", c.URL, strings.NewReader("x"))
		_, err := c.Client().Do(req)
		given <- err
	}()
	c.WaitRequests(1)
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestASlowServerIsGivenUpOn(t *testing.T) {
	c := beacontest.New(t)
	c.AnswerAll(beacontest.Hang())
	giveUp(t, c)
	c.AnswerAll() // the server is back
	res, err := c.Client().Post(c.URL, "", nil)
	if err != nil || res.StatusCode != 204 || len(c.Beacons()) != 1 {
		t.Error(res, err)
	}
}
