package navigator_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/navigator"
)

func TestAgent_OutboxIsFull_LogsReason(t *testing.T) {
	var log proctest.Buffer
	a := newAgent(t, navigator.Config{Capacity: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	n := navigator.Navigator{Agent: a, Page: &navigator.Page{URL: "http://shop.example/"}}
	if ok, err := n.SendBeacon("/", make([]byte, 60_000)); ok || err != nil {
		t.Errorf("got %v, %v; want false, nil", ok, err)
	}
	if want := beacon.ErrFull.Error(); !strings.Contains(log.String(), want) {
		t.Errorf("logged %q, want %q in it", log.String(), want)
	}
}

func TestAgentFlush_ServerIsDown_ReturnsContextError(t *testing.T) {
	down := serve(t, nil)
	down.Close()
	n := newNavigator(t, down.URL)
	queue(t, n, "/", "x")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := n.Agent.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 beacons wait") {
		t.Errorf("got %v, want %v and that 1 beacon waits", err, context.DeadlineExceeded)
	}
}

func TestAgentClose_ThenSendBeacon_ReturnsFalse(t *testing.T) {
	s := serve(t, nil)
	n := newNavigator(t, s.URL)
	if err := n.Agent.Close(); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	if ok, err := n.SendBeacon("/", "x"); ok || err != nil {
		t.Errorf("SendBeacon after Close: got %v, %v; want false, nil", ok, err)
	}
	if err := n.Agent.Close(); err != nil {
		t.Errorf("a second Close: got %v, want nil", err)
	}
	if got := s.received(); got != nil {
		t.Errorf("got the requests %q, want none", lines(got))
	}
}

// One beacon is under way when the first agent is closed, and one has failed and waits.
func TestAgentClose_BeaconsWait_NextAgentDelivers(t *testing.T) {
	var closed atomic.Bool
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !closed.Load() {
			<-r.Context().Done()
		}
	})
	dir := proctest.OutboxDir(t)
	page := &navigator.Page{URL: s.URL}
	failed := make(chan struct{}, 1000)
	page.Intercept = func(_ context.Context, r *navigator.Request) (*navigator.Response, error) {
		if strings.HasSuffix(r.URL, "/offline") && !closed.Load() {
			failed <- struct{}{}
			return nil, errors.New("offline")
		}
		return nil, nil
	}
	one := &navigator.Navigator{Agent: newAgent(t, navigator.Config{Dir: dir}), Page: page}
	queue(t, one, "/held", make([]byte, 30_000))
	queue(t, one, "/offline", make([]byte, 30_000))
	s.next(t)
	<-failed
	if err := one.Agent.Close(); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	closed.Store(true)
	s.received()
	two := &navigator.Navigator{Agent: newAgent(t, navigator.Config{Dir: dir}), Page: page}
	queue(t, two, "/full", make([]byte, navigator.MaxBody)) // the closed agent holds none of the page's quota
	paths := map[string]bool{}
	for _, r := range s.beacons(t, 3) {
		paths[r.URL.Path] = true
	}
	if !paths["/held"] || !paths["/offline"] || !paths["/full"] {
		t.Errorf("got the beacons %v, want /held, /offline and /full", paths)
	}
}

// Some of the agents are closed before the first attempt of their last beacon.
func TestAgentClose_AfterSendBeacon_QuotaIsReleased(t *testing.T) {
	s := serve(t, nil)
	page := &navigator.Page{URL: s.URL}
	for range 50 {
		n := &navigator.Navigator{Agent: newAgent(t, navigator.Config{}), Page: page}
		for range 20 {
			queue(t, n, "/", nil)
		}
		queue(t, n, "/", make([]byte, navigator.MaxBody))
		if err := n.Agent.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAgentClose_ManyAgents_NoGoroutinesAndFilesRemain(t *testing.T) {
	s := serve(t, nil)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 50 {
		n := newNavigator(t, s.URL)
		queue(t, n, "/", "x")
		flush(t, n.Agent)
		if err := n.Agent.Close(); err != nil {
			t.Fatal(err)
		}
	}
	proctest.Eventually(t, func() error { // the server closes its ends of the connections
		if g, f := runtime.NumGoroutine(), openFiles(t); g > goroutines || f > files {
			return fmt.Errorf("got %d goroutines and %d open files after 50 agents, want %d and %d as before", g, f, goroutines, files)
		}
		return nil
	})
}

// openFiles returns the number of this process's open files on Linux, and 0 elsewhere.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
