package deliver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

var errRefused = errors.New("connect: connection refused")

// quick answers 204 after 10 ms.
var quick = after(10*time.Millisecond, status(204))

func limited(retryAfter time.Duration) answer {
	return func(ctx context.Context, _ fetch.Request) (fetch.Response, error) {
		wrote(ctx)
		return fetch.Response{Status: 429, RetryAfter: retryAfter}, nil
	}
}

// last returns the time of the last request for a URL, and how many there were.
func (h *harness) last(url string) (time.Duration, int) {
	all := h.received(url)
	if len(all) == 0 {
		return -1, 0
	}
	return all[len(all)-1].at, len(all)
}

// The table of the schedule: each row is a simulation of the deliverer on a real outbox, with servers
// in simulated time. go test -v -run Simulation prints it.
func TestSimulation_FaultyServers_HealthyBeaconsArrive(t *testing.T) {
	for _, row := range []struct {
		name string
		run  func(t *testing.T, h *harness) (result string, ok bool)
	}{
		{"100 beacons behind one 429 with Retry-After: 3600", func(t *testing.T, h *harness) (string, bool) {
			h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
				if string(q.Body) == "limited" {
					return limited(time.Hour)(ctx, q)
				}
				return status(204)(ctx, q)
			}
			h.send("http://a/", "limited")
			for range 100 {
				h.send("http://a/", "x")
			}
			h.runFor(time.Minute)
			at, _ := h.last("http://a/")
			delivered := h.status().Outcomes[spool.Delivered]
			return fmt.Sprintf("%d delivered, the last after %v", delivered, at), delivered == 100 && at < 100*time.Millisecond
		}},
		{"one healthy beacon behind 60 that always fail", func(t *testing.T, h *harness) (string, bool) {
			healthy := h.answerHealthy()
			for range 60 {
				h.send("http://a/", "poison")
			}
			h.send("http://a/", "healthy")
			h.runFor(time.Hour)
			return fmt.Sprintf("delivered after %v, %d requests in an hour", healthy().Round(time.Millisecond), len(h.requests)),
				h.status().Outcomes[spool.Delivered] == 1 && healthy() < 4*time.Second && len(h.requests) < 1500
		}},
		{"one healthy beacon amid 60 that always fail", func(t *testing.T, h *harness) (string, bool) {
			healthy := h.answerHealthy()
			for i := range 60 {
				h.send("http://a/", "poison")
				if i == 29 {
					h.send("http://a/", "healthy")
				}
			}
			h.runFor(time.Hour)
			return fmt.Sprintf("delivered after %v, %d requests in an hour", healthy().Round(time.Millisecond), len(h.requests)),
				h.status().Outcomes[spool.Delivered] == 1 && healthy() < time.Minute
		}},
		{"a live origin behind 200 that hang", func(t *testing.T, h *harness) (string, bool) {
			return besideHanging(h, 200, 200, 0, 50*time.Millisecond)
		}},
		{"a live origin behind 1,000 that hang", func(t *testing.T, h *harness) (string, bool) {
			return besideHanging(h, 1000, 1000, 0, 50*time.Millisecond)
		}},
		{"a live origin behind 3,000 that hang", func(t *testing.T, h *harness) (string, bool) {
			return besideHanging(h, 3000, 3000, 0, 50*time.Millisecond)
		}},
		{"a live origin amid 200 that hang", func(t *testing.T, h *harness) (string, bool) { return besideHanging(h, 200, 200/2, 0, 5*time.Second) }},
		{"a live origin amid 1,000 that hang", func(t *testing.T, h *harness) (string, bool) { return besideHanging(h, 1000, 1000/2, 0, 5*time.Second) }},
		{"a live origin amid 3,000 that hang", func(t *testing.T, h *harness) (string, bool) { return besideHanging(h, 3000, 3000/2, 0, 5*time.Second) }},
		{"a live origin that is new 2 s after 200 that hang", func(t *testing.T, h *harness) (string, bool) {
			return besideHanging(h, 200, 0, 2*time.Second, time.Second)
		}},
		{"a live origin that is new 2 s after 1,000 that hang", func(t *testing.T, h *harness) (string, bool) {
			return besideHanging(h, 1000, 0, 2*time.Second, time.Second)
		}},
		{"a live origin that is new 2 s after 3,000 that hang", func(t *testing.T, h *harness) (string, bool) {
			return besideHanging(h, 3000, 0, 2*time.Second, time.Second)
		}},
		{"a live lane beside 63 that hang at one origin", func(t *testing.T, h *harness) (string, bool) {
			h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
				if q.URL == "http://a/live" {
					return quick(ctx, q)
				}
				return hang(ctx, q)
			}
			for i := range 63 {
				h.send(fmt.Sprintf("http://a/%d", i), "x")
				h.send(fmt.Sprintf("http://a/%d", i), "y")
			}
			h.send("http://a/live", "x")
			h.runFor(time.Minute)
			at, n := h.last("http://a/live")
			return fmt.Sprintf("delivered after %v", at), n == 1 && at < 10*time.Second
		}},
		{"90,000 beacons to 300 hanging origins, 9,000 to 30 live ones", func(t *testing.T, h *harness) (string, bool) {
			if testing.Short() {
				t.Skip("it takes a minute with -race")
			}
			h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
				if strings.HasPrefix(q.URL, "http://live") {
					return quick(ctx, q)
				}
				return hang(ctx, q)
			}
			for i := range 9900 {
				for k := range 10 {
					if n := i*10 + k; n%11 == 0 {
						h.send(fmt.Sprintf("http://live%d/", n/11%30), "x")
					} else {
						h.send(fmt.Sprintf("http://hang%d/", n%300), "x")
					}
				}
			}
			h.runFor(time.Minute)
			var latest time.Duration
			for _, r := range h.requests {
				if strings.HasPrefix(r.url, "http://live") {
					latest = r.at
				}
			}
			delivered := h.status().Outcomes[spool.Delivered]
			return fmt.Sprintf("%d delivered, the last after %v", delivered, latest.Round(time.Millisecond)), delivered == 9000 && latest < 5*time.Second
		}},
		{"a server that is down for 5 minutes, 20,000 waiting", func(t *testing.T, h *harness) (string, bool) {
			const outage = 5 * time.Minute
			meanwhile, recovered := 0, time.Duration(0)
			h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
				if at := time.Since(h.began); at < outage {
					meanwhile++
					return fetch.Response{}, errRefused
				} else if recovered == 0 {
					recovered = at - outage
				}
				return quick(ctx, q)
			}
			for range 20_000 {
				h.send("http://a/", "x")
			}
			h.runFor(10 * time.Minute)
			delivered := h.status().Outcomes[spool.Delivered]
			return fmt.Sprintf("%d requests meanwhile, the first answer %v after its return, %d delivered", meanwhile, recovered.Round(time.Second), delivered),
				meanwhile < 75 && recovered <= 32*time.Second && delivered == 20_000
		}},
		{"a server that answers 503 for 5 minutes, 20,000 waiting", func(t *testing.T, h *harness) (string, bool) {
			const outage = 5 * time.Minute
			meanwhile := 0
			var recovered time.Duration
			h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
				if at := time.Since(h.began); at < outage {
					meanwhile++
					return status(503)(ctx, q)
				} else if recovered == 0 {
					recovered = at - outage
				}
				return quick(ctx, q)
			}
			for range 20_000 {
				h.send("http://a/", "x")
			}
			h.runFor(10 * time.Minute)
			delivered := h.status().Outcomes[spool.Delivered]
			return fmt.Sprintf("%d requests meanwhile, the first answer %v after its return, %d delivered", meanwhile, recovered.Round(time.Second), delivered),
				meanwhile < 150 && recovered <= 12*time.Second && delivered == 20_000
		}},
		{"429 with Retry-After: 60 for all, 1,000 URLs of one origin, 10 minutes", func(t *testing.T, h *harness) (string, bool) {
			h.answer = limited(time.Minute)
			for i := range 1000 {
				h.send(fmt.Sprintf("http://a/%d", i), "x")
			}
			h.runFor(10 * time.Minute)
			return fmt.Sprintf("%d requests", len(h.requests)), len(h.requests) < 1500
		}},
		{"six hours of 429 with Retry-After: 3600, 100 beacons of one URL", func(t *testing.T, h *harness) (string, bool) {
			h.answer = limited(time.Hour)
			h.d.Patience = 0
			for range 100 {
				h.send("http://a/", "x")
			}
			h.runFor(6 * time.Hour)
			return fmt.Sprintf("%d requests", len(h.requests)), len(h.requests) <= 9
		}},
		{"three beacons that expire in 10 minutes, in a lane with Retry-After: 3600", func(t *testing.T, h *harness) (string, bool) {
			h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
				if string(q.Body) == "limited" {
					return limited(time.Hour)(ctx, q)
				}
				return quick(ctx, q)
			}
			h.d.Patience = 0
			h.send("http://a/", "limited")
			h.send("http://a/", "limited")
			for range 3 {
				h.send("http://a/", "x", expiresIn(10*time.Minute))
			}
			h.runFor(20 * time.Minute)
			s := h.status()
			return fmt.Sprintf("%d delivered, %d expired", s.Outcomes[spool.Delivered], s.Outcomes[spool.Expired]), s.Outcomes[spool.Delivered] == 3
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				result, ok := row.run(t, newHarness(t))
				t.Logf("| %s | %s |", row.name, result)
				if !ok {
					t.Error("this is worse than it should be")
				}
			})
		})
	}
}

// answerHealthy has the server take the body "healthy" and answer 500 to all others. The returned function
// returns when it came.
func (h *harness) answerHealthy() func() time.Duration {
	at := time.Duration(0)
	h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
		if string(q.Body) == "healthy" {
			at = time.Since(h.began)
			return quick(ctx, q)
		}
		return after(10*time.Millisecond, status(500))(ctx, q)
	}
	return func() time.Duration { return at }
}

// besideHanging sends to n origins that take requests and never answer, and to a live one: after the first
// before of them, or once more after later. Then it sends to the live one each second. The first beacon may
// take most.
func besideHanging(h *harness, n, before int, later, most time.Duration) (string, bool) {
	h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
		if q.URL == "http://live/" {
			return quick(ctx, q)
		}
		return hang(ctx, q)
	}
	for i := range n {
		if i == before && later == 0 {
			h.send("http://live/", "x")
		}
		h.send(fmt.Sprintf("http://hang%d/", i), "x")
	}
	if before == n {
		h.send("http://live/", "x")
	}
	go func() {
		time.Sleep(later)
		for range 60 {
			if later > 0 {
				h.send("http://live/", "x")
			}
			time.Sleep(time.Second)
			if later == 0 {
				h.send("http://live/", "x")
			}
		}
	}()
	h.runFor(5 * time.Minute)
	all := h.received("http://live/")
	sent := 60
	if later == 0 {
		sent++
	}
	if len(all) != sent {
		return fmt.Sprintf("%d of %d came", len(all), sent), false
	}
	first, longest := all[0].at-later, time.Duration(0)
	for i, r := range all[1:] {
		longest = max(longest, r.at-later-time.Duration(i+1)*time.Second)
	}
	tries := 0
	for i := range n {
		_, k := h.last(fmt.Sprintf("http://hang%d/", i))
		tries = max(tries, k)
	}
	return fmt.Sprintf("delivered after %v; 60 sent later after %v at most; a hanging one was tried %d times in 5 minutes at most", first.Round(time.Millisecond), longest.Round(time.Millisecond), tries),
		first < most
}
