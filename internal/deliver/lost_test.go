package deliver

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// Beacons expire and are dropped while the server fails, across a restart. The first that it takes then
// reports how many, and no other does; one of a program that does not want it reports nothing.
func TestLost_ServerTakesTheNext_ReportsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		up, report := false, warc.Field{Name: ReportField, Value: "1"}
		var headers []string
		h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
			wrote(ctx)
			if !up {
				return fetch.Response{Status: 503}, nil
			}
			if value := q.Header.Get(LostHeader); value != "" {
				headers = append(headers, fmt.Sprintf("%s %s", q.Body, value))
			}
			return fetch.Response{Status: 204, Redirected: string(q.Body) == "redirected"}, nil
		}
		for i := range 3 {
			h.send("http://a/x", fmt.Sprintf("expires %d", i), report, expiresIn(time.Minute))
		}
		h.send("http://b/", "expires", report, expiresIn(time.Minute))
		h.send("http://a/", "expires too", expiresIn(time.Minute))
		h.send("http://a/y", "dropped", report)
		h.runFor(3 * time.Minute)
		h.order(Order{DropAll: true})
		h.send("http://a/", "not reporting")
		up = true
		h.runFor(time.Minute)
		h.send("http://a/z", "redirected", report) // to where the header may not have arrived
		h.runFor(time.Minute)
		for i := range 3 {
			h.send("http://a/z", fmt.Sprintf("reporting %d", i), report)
		}
		h.runFor(time.Minute)
		if want := "[redirected expired=3, dropped=1 reporting 0 expired=3, dropped=1]"; fmt.Sprint(headers) != want {
			t.Errorf("got %s, want %s", headers, want)
		}
	})
}
