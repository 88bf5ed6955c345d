package beacontest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/beacontest"
)

var starts = map[string]func(testing.TB) *beacontest.Collector{"http": beacontest.New, "https": beacontest.NewTLS}

// shown are the fields of an answer that its cases name.
var shown = []string{"Access-Control-Allow-Origin", "Vary", "Retry-After", "Location", "X-Thing", "Content-Type"}

func TestAnswersAreAsTheTestSays(t *testing.T) {
	type options = []beacontest.Option
	for _, x := range []struct {
		name    string
		options options
		answer  string // "" is none
		kept    bool
	}{
		{"nothing said", nil, "204 Access-Control-Allow-Origin: https://shop.example; Vary: Origin", true},
		{"a status of failure", options{beacontest.Status(503)}, "503 Access-Control-Allow-Origin: https://shop.example; Vary: Origin", false},
		{"a status of success", options{beacontest.Status(200)}, "200 Access-Control-Allow-Origin: https://shop.example; Vary: Origin", true},
		{"failure, but kept", options{beacontest.Status(500), beacontest.Keep()}, "500 Access-Control-Allow-Origin: https://shop.example; Vary: Origin", true},
		{"no CORS", options{beacontest.NoCORS()}, "204", true},
		{"CORS of its own", options{beacontest.NoCORS(), beacontest.Header("access-control-allow-origin", "*")}, "204 Access-Control-Allow-Origin: *", true},
		{"to wait", options{beacontest.NoCORS(), beacontest.Status(429), beacontest.RetryAfter(2*time.Second + 1)}, "429 Retry-After: 3", false},
		{"a redirect", options{beacontest.Redirect(307, "/there"), beacontest.NoCORS()}, "307 Location: /there", false},
		{"a header with two values", options{beacontest.NoCORS(), beacontest.Header("X-Thing", "1"), beacontest.Header("X-Thing", "2")}, "204 X-Thing: 1, 2", true},
		{"late", options{beacontest.NoCORS(), beacontest.Delay(time.Millisecond)}, "204", true},
		{"dropped", options{beacontest.Drop()}, "", false},
		{"dropped late", options{beacontest.Drop(), beacontest.Delay(time.Millisecond)}, "", false},
		{"kept and dropped", options{beacontest.Keep(), beacontest.Drop()}, "", true},
		{"dropped unread", options{beacontest.Unread(), beacontest.Drop()}, "", false},
		{"refused unread", options{beacontest.NoCORS(), beacontest.Unread(), beacontest.Status(413)}, "413", false},
		{"accepted unread is not kept", options{beacontest.NoCORS(), beacontest.Unread(), beacontest.Keep()}, "204", false},
	} {
		for scheme, start := range starts {
			t.Run(x.name+" by "+scheme, func(t *testing.T) {
				c := start(t)
				c.Answer(x.options...)
				c.AnswerAll(beacontest.Status(400)) // which an Answer comes before
				res, _ := do(t, noRedirects(c.Client()), "POST", c.URL+"/x", "hello", "Content-Type", "text/plain", "Origin", "https://shop.example")
				got := ""
				if res != nil {
					var fields []string
					for _, name := range shown {
						if v := res.Header.Values(name); len(v) > 0 {
							fields = append(fields, name+": "+strings.Join(v, ", "))
						}
					}
					got = strings.TrimSpace(fmt.Sprint(res.StatusCode, " ", strings.Join(fields, "; ")))
				}
				if got != x.answer {
					t.Errorf("got %q, want %q", got, x.answer)
				}
				r := c.WaitRequests(1)[0]
				if status, _, _ := strings.Cut(x.answer, " "); len(c.Beacons()) != map[bool]int{true: 1}[x.kept] || r.Kept != x.kept || fmt.Sprint(r.Status) != "0"+status && fmt.Sprint(r.Status) != status {
					t.Errorf("%v; kept %v", r, c.Beacons())
				}
				unread := strings.Contains(x.name, "unread")
				if string(r.Body) != map[bool]string{false: "hello"}[unread] || r.Kind != map[bool]string{false: "text"}[unread] {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

func TestWhichRequestsAnAnswerIsFor(t *testing.T) {
	c := beacontest.New(t)
	post := func(path string, want int) {
		t.Helper()
		if res, _ := do(t, c.Client(), "POST", c.URL+path, ""); res.StatusCode != want {
			t.Errorf("%s: %v, not %d", path, res.Status, want)
		}
	}
	preflight := func(want int) {
		t.Helper()
		res, _ := do(t, c.Client(), "OPTIONS", c.URL+"/a", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
		if res.StatusCode != want {
			t.Errorf("preflight: %v, not %d", res.Status, want)
		}
	}

	c.Answer(beacontest.OnStream("/b"), beacontest.Status(501))
	c.Answer(beacontest.Status(502))
	c.Answer(beacontest.Status(503))
	c.Answer(beacontest.OnPreflight(), beacontest.Status(403))
	post("/a", 502) // the first that is for it
	post("/b", 501)
	preflight(403)
	preflight(204)
	post("/b", 503)
	post("/b", 204)

	c.AnswerAll(beacontest.Status(500))
	c.AnswerAll(beacontest.OnStream("/b"), beacontest.Status(404))
	post("/a", 500)
	post("/b", 404)
	post("/b", 404)
	preflight(204)
	c.Answer() // one goes through
	post("/b", 204)
	post("/b", 404)
	c.AnswerAll(beacontest.OnPreflight(), beacontest.Status(405))
	preflight(405)
	c.AnswerAll()
	post("/a", 204)
	post("/b", 204)
	preflight(405)
}

func TestADelayIsALongOne(t *testing.T) {
	const delay = 50 * time.Millisecond
	c := beacontest.New(t)
	c.Answer(beacontest.Delay(delay))
	began := time.Now()
	if res, _ := do(t, c.Client(), "POST", c.URL, ""); res.StatusCode != 204 || time.Since(began) < delay {
		t.Errorf("%v after %v", res.Status, time.Since(began))
	}
}

func TestATestHoldsAnswersAndLetsThemGo(t *testing.T) {
	c := beacontest.New(t)
	open := make(chan struct{})
	c.AnswerAll(beacontest.Until(open), beacontest.Delay(time.Millisecond))
	const n = 5
	statuses := make(chan int)
	for range n {
		go func() {
			res, _ := do(t, c.Client(), "POST", c.URL, "")
			statuses <- res.StatusCode
		}()
	}
	c.WaitRequests(n)
	if all := c.Beacons(); len(all) != 0 {
		t.Errorf("not held: %v", all)
	}
	close(open)
	for range n {
		if status := <-statuses; status != 204 {
			t.Error(status)
		}
	}
	c.Wait(n)
}

// A client that gives up is no reason to lose what was kept already, nor to keep the rest.
func TestAClientThatGivesUp(t *testing.T) {
	for _, x := range []struct {
		name string
		keep []beacontest.Option
		kept int
	}{
		{"before the answer", nil, 0},
		{"after it was kept", []beacontest.Option{beacontest.Keep()}, 1},
	} {
		for scheme, start := range starts {
			t.Run(x.name+" by "+scheme, func(t *testing.T) {
				c := start(t)
				c.AnswerAll(append(x.keep, beacontest.Delay(time.Hour))...)
				giveUp(t, c)
				waitGone(t, "beacontest.(*Collector).serve")
				if r := c.Requests()[0]; len(c.Beacons()) != x.kept || r.Status != 0 {
					t.Errorf("%v; %v", r, c.Beacons())
				}
			})
		}
	}
}

func TestAnUnreadBodyCanBeWithoutEnd(t *testing.T) {
	c := beacontest.New(t)
	c.Answer(beacontest.Unread(), beacontest.Status(413))
	body, more := io.Pipe()
	defer more.Close()
	res, err := c.Client().Post(c.URL, "", body)
	if err != nil || res.StatusCode != 413 {
		t.Error(res, err)
	}
}

func TestNoAnswerHasSuchAStatus(t *testing.T) {
	for _, code := range []int{0, 42, 101, 600} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, fmt.Sprint(code)) {
					t.Errorf("%d: %s", code, got)
				}
			}()
			beacontest.Redirect(code, "/")
		}()
	}
	beacontest.Status(http.StatusTeapot)
}
