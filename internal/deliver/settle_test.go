package deliver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestWhatAnAnswerMeans(t *testing.T) {
	for code, want := range map[int]spool.Outcome{
		200: spool.Delivered, 202: spool.Delivered, 204: spool.Delivered,
		301: spool.Refused, 304: spool.Refused, 400: spool.Refused, 401: spool.Refused, 403: spool.Refused,
		404: spool.Refused, 409: spool.Refused, 410: spool.Refused, 413: spool.Refused, 422: spool.Refused,
		407: spool.Delivered, 408: spool.Delivered, 425: spool.Delivered, 429: spool.Delivered, 500: spool.Delivered,
		502: spool.Delivered, 503: spool.Delivered, 504: spool.Delivered,
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t)
			h.answer = func(_ context.Context, _ fetch.Request) (fetch.Response, error) {
				n := h.number()
				if n == 1 {
					return fetch.Response{Status: code}, nil
				}
				return fetch.Response{Status: 204}, nil
			}
			h.send("http://a/", "x")
			left := h.run(t.Context())
			attempts := 1
			if mayChange(code) {
				attempts = 2
			}
			if s := h.status(); left || s.Outcomes[want] != 1 || s.Accepted() != 1 || len(h.requests) != attempts {
				t.Errorf("%d: %+v after %d attempts", code, s, len(h.requests))
			}
		})
	}
}

func TestARedirectThatDropsTheBodyIsNoDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = func(context.Context, fetch.Request) (fetch.Response, error) {
			return fetch.Response{Status: 200, Dropped: true}, nil
		}
		h.send("http://a/", "x")
		h.run(t.Context())
		if s := h.status(); s.Outcomes[spool.Refused] != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestABeaconExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		began := time.Now()
		h.answer = func(context.Context, fetch.Request) (fetch.Response, error) {
			return fetch.Response{Status: 503, RetryAfter: 40 * time.Minute}, nil
		}
		h.send("http://a/", "x", warc.Field{Name: ExpiresField, Value: time.Now().Add(5 * time.Minute).UTC().Format(time.RFC3339)})
		if left := h.run(t.Context()); left {
			t.Error("left")
		}
		took := time.Since(began)
		if s := h.status(); s.Outcomes[spool.Expired] != 1 || s.DeadFiles != 1 || len(h.requests) != 1 || took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("%+v after %v and %d attempts", s, took, len(h.requests))
		}
	})
}
