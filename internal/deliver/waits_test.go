package deliver

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
)

func TestWaits_Failures_AreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
			switch q.URL {
			case "http://down/":
				return fetch.Response{}, errRefused
			case "http://up/busy":
				return status(503)(ctx, q)
			}
			return status(204)(ctx, q)
		}
		for range 3 {
			h.send("http://down/", "x")
			h.send("http://up/busy", "x")
			h.send("http://up/fine", "x")
		}
		h.runFor(20 * time.Second)
		w := ReadWaits(h.box.Dir())
		if w.At.IsZero() || len(w.Units) != 2 {
			t.Fatalf("got %+v", w)
		}
		for _, u := range w.Units {
			switch {
			case u.Origin == "http://down" && u.URL == "" && u.Error == "connect: connection refused" && u.Failures > 1:
			case u.URL == "http://up/busy" && u.Error == "503 Service Unavailable" && u.Down:
			default:
				t.Errorf("got %+v", u)
			}
			if u.Since.After(h.began.Add(time.Second)) || u.Until.Before(u.Since) {
				t.Errorf("%s: since %v until %v", u.URL, u.Since, u.Until)
			}
		}
	})
}

// Ten deliverers in turn ask a server that said Retry-After: 3600 once in all, and its two beacons twice.
func TestWaits_Restarts_RetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = limited(time.Hour)
		for range 100 {
			h.send("http://a/", "x")
		}
		for range 10 {
			h.runFor(time.Minute)
			time.Sleep(time.Minute)
		}
		if n := len(h.requests); n != 2 {
			t.Errorf("%d requests in 20 minutes, want 2", n)
		}
	})
}

func TestWaits_DamagedFile_IsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
			if h.number()%2 == 1 { // so that the number of failures counts
				return fetch.Response{}, errRefused
			}
			return status(204)(ctx, q)
		}
		for _, text := range []string{"", "{", "null\n", "{\"pid\":1}\nrubbish\n{\"origin\":\"http://a\",\"until\":\"9999-01-01T00:00:00Z\"}\n",
			"{\"pid\":1}\n{\"origin\":\"http://a\",\"failures\":-3,\"until\":\"2026-01-01T00:00:00Z\"}\n"} {
			if err := os.WriteFile(filepath.Join(h.box.Dir(), waitsName), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			h.send("http://a/", "x")
			if h.runFor(time.Minute) {
				t.Errorf("%q: beacons are left", text)
			}
		}
	})
}
