package deliver

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A realServer answers by the body, and notes when each body came first.
type realServer struct {
	*httptest.Server
	mu    sync.Mutex
	began time.Time
	first map[string]time.Duration
	count map[string]int
}

func newRealServer(t *testing.T, answer func(w http.ResponseWriter, body string)) *realServer {
	s := &realServer{began: time.Now(), first: map[string]time.Duration{}, count: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		if s.count[string(body)]++; s.count[string(body)] == 1 {
			s.first[string(body)] = time.Since(s.began)
		}
		s.mu.Unlock()
		answer(w, string(body))
	}))
	t.Cleanup(s.Close)
	return s
}

// deliverReal sends the beacons, each a URL and a body, and delivers with a real client until done returns
// true and the outbox has so many outcomes of delivery, 30 seconds at most.
func deliverReal(t *testing.T, beacons [][2]string, delivered int64, done func() bool) spool.Status {
	t.Helper()
	box, err := spool.OpenOutbox(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for _, b := range beacons {
		post(t, box, b[0], b[1], warc.Field{Name: ProxyField, Value: "none"})
	}
	lock, err := box.TryLock()
	if err != nil || lock == nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := Drain(ctx, box, lock, Deliverer{Fetch: NewClient().Do, Log: slog.New(slog.DiscardHandler)})
		ended <- err
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		late := time.Now().After(deadline)
		if !done() && !late {
			continue
		}
		s, err := spool.ReadStatus(box.Dir())
		if err != nil {
			t.Fatal(err)
		}
		if s.Outcomes[spool.Delivered] >= delivered || late {
			return s
		}
	}
}

func TestRealServer_OneBeaconIsLimited_OthersArrive(t *testing.T) {
	s := newRealServer(t, func(w http.ResponseWriter, body string) {
		if body == "limited" {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
			return
		}
		w.WriteHeader(204)
	})
	beacons := [][2]string{{s.URL + "/x", "limited"}}
	for i := range 100 {
		beacons = append(beacons, [2]string{s.URL + "/x", fmt.Sprint(i)})
	}
	s.began = time.Now()
	status := deliverReal(t, beacons, 100, func() bool { return s.bodies() == 101 })
	t.Logf("%d of 100 delivered; the last came after %v; the limited one was tried %d times", status.Outcomes[spool.Delivered], s.last(), s.times("limited"))
	if status.Outcomes[spool.Delivered] != 100 || s.times("limited") > 2 {
		t.Errorf("%+v", status)
	}
}

// bodies returns how many different bodies came.
func (s *realServer) bodies() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.first)
}

// times returns how many times the body came.
func (s *realServer) times(body string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[body]
}

// last returns when the last of the bodies came for the first time.
func (s *realServer) last() (at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.first {
		at = max(at, t)
	}
	return at.Round(time.Millisecond)
}

func TestRealServer_SixtyBeaconsFail_HealthyOneArrives(t *testing.T) {
	s := newRealServer(t, func(w http.ResponseWriter, body string) {
		if body == "healthy" {
			w.WriteHeader(204)
			return
		}
		w.WriteHeader(500)
	})
	var beacons [][2]string
	for i := range 60 {
		beacons = append(beacons, [2]string{s.URL + "/x", fmt.Sprint(i)})
	}
	beacons = append(beacons, [2]string{s.URL + "/x", "healthy"})
	s.began = time.Now()
	status := deliverReal(t, beacons, 1, func() bool { return s.times("healthy") > 0 })
	t.Logf("the last one came first after %v", s.last())
	if status.Outcomes[spool.Delivered] != 1 || s.times("healthy") != 1 {
		t.Errorf("%+v", status)
	}
}

// A thousand servers take a connection and never answer. The live one is the newest origin, or in the
// middle of them, where its turn comes last.
func TestRealServer_ThousandServersHang_LiveOneIsServed(t *testing.T) {
	t.Run("newest", func(t *testing.T) { besideThousand(t, 999) })
	t.Run("amid", func(t *testing.T) { besideThousand(t, 500) })
}

func besideThousand(t *testing.T, before int) {
	live := newRealServer(t, func(w http.ResponseWriter, _ string) { w.WriteHeader(204) })
	var beacons [][2]string
	for i := range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.1.%d.%d:0", i/250, i%250+1))
		if err != nil {
			t.Skipf("this machine lacks addresses or files: %v", err)
		}
		t.Cleanup(func() { l.Close() })
		beacons = append(beacons, [2]string{"http://" + l.Addr().String() + "/", "hangs"})
		if i == before {
			beacons = append(beacons, [2]string{live.URL + "/", "live"})
		}
	}
	live.began = time.Now()
	status := deliverReal(t, beacons, 1, func() bool { return live.bodies() > 0 })
	t.Logf("the live server had its beacon after %v", live.last())
	if status.Outcomes[spool.Delivered] != 1 {
		t.Errorf("%+v", status)
	}
}
