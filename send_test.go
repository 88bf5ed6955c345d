package beacon_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

// The server answers after the program's end.
func TestSend_ProgramEnds_BeaconArrives(t *testing.T) {
	for _, end := range ends {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			ended, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { <-ended.Done() })
			took, out := run(t, newOutbox(t), d.URL, end)
			if ended.Err() != nil {
				t.Errorf("the program waited for its deliverer: %v (%s)", took, out)
			}
			cancel()
			d.wait(t, 1)
		})
	}
}

func TestSend_ServerStartsLater_BeaconArrives(t *testing.T) {
	for _, end := range []string{"exit", "killed"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := listener.Addr().String()
			listener.Close()
			outbox := newOutbox(t)
			run(t, outbox, "http://"+address, end)
			eventually(t, func() error {
				s, err := (&beacon.Config{Outbox: outbox}).Status()
				if err == nil && (len(s.Lanes) == 0 || s.Lanes[0].LastError == "") {
					err = fmt.Errorf("no attempt has failed: %+v", s)
				}
				return err
			})
			if listener, err = net.Listen("tcp", address); err != nil {
				t.Fatal(err)
			}
			newDesk(t, listener, nil).wait(t, 1)
		})
	}
}

func TestSend_NavigatorsShareOutbox_OwnCapacityCounts(t *testing.T) {
	d := newDesk(t, nil, nil)
	outbox := newOutbox(t)
	large := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, InProcess: true}}
	small := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, InProcess: true, Capacity: 1}}
	if ok, err := large.SendBeacon(d.URL, "x"); !ok || err != nil {
		t.Error(ok, err)
	}
	if ok, _ := small.SendBeacon(d.URL, make([]byte, 60_000)); ok {
		t.Error("a beacon over the capacity of its navigator is queued")
	}
	d.wait(t, 1)
}

func TestSend_ProxyChanges_EachBeaconLeavesByItsOwn(t *testing.T) {
	proxy := newDesk(t, nil, nil)
	t.Setenv("HTTP_PROXY", proxy.URL)
	n := beacon.Navigator{Config: &beacon.Config{Outbox: newOutbox(t), InProcess: true}}
	if ok, err := n.SendBeacon("http://collector.example/through-a-proxy", "x"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	proxy.wait(t, 1)
	other := newDesk(t, nil, nil)
	t.Setenv("HTTP_PROXY", other.URL)
	n.SendBeacon("http://collector.example/through-a-proxy", "x")
	other.wait(t, 1)
}

// The server answers when all programs have ended, so that no deliverer ends before.
func TestSend_ManyProcesses_ShareOneDeliverer(t *testing.T) {
	const programs = 20
	ended := make(chan struct{})
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { <-ended })
	outbox, deliverers := newOutbox(t), t.TempDir()
	t.Setenv(startedVar, deliverers)
	var all sync.WaitGroup
	for range programs {
		all.Go(func() { run(t, outbox, d.URL, "exit") })
	}
	all.Wait()
	close(ended)
	d.wait(t, programs)
	if started, err := os.ReadDir(deliverers); err != nil || len(started) != 1 {
		t.Errorf("%d deliverers for %d programs, want 1; %v", len(started), programs, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, bodies := range d.taken {
		if len(bodies) != 1 || bodies[0] != `"exit"` {
			t.Errorf("%s: %q", key, bodies)
		}
	}
}

func TestSend_InProcess_AllArrive(t *testing.T) {
	d := newDesk(t, nil, nil)
	n := beacon.Navigator{Config: &beacon.Config{Outbox: newOutbox(t), InProcess: true}}
	for i := range 100 {
		if ok, err := n.SendBeacon(d.URL, fmt.Sprint(i)); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := beacon.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	d.wait(t, 100)
}

func TestSend_BodyOverLimit_ReturnsFalse(t *testing.T) {
	var log logged
	d := newDesk(t, nil, nil)
	n := beacon.Navigator{Config: &beacon.Config{Outbox: newOutbox(t), InProcess: true, Capacity: 300 << 10, Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	for size, want := range map[int]bool{0: true, 1: true, 65_535: true, 65_536: true, 65_537: false, 1 << 20: false} {
		ok, err := n.SendBeacon(d.URL, make([]byte, size))
		if ok != want || err != nil {
			t.Errorf("%d bytes: %v, %v", size, ok, err)
		}
		if !ok && !strings.Contains(log.String(), fmt.Sprintf("body of %d bytes", size)) {
			t.Errorf("%d bytes: logged %q", size, log.String())
		}
	}
}

func TestSend_OutboxIsAFile_ReturnsFalse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	n := beacon.Navigator{Config: &beacon.Config{Outbox: filepath.Join(file, "outbox")}}
	if ok, err := n.SendBeacon("http://127.0.0.1/", "x"); ok || err != nil {
		t.Error(ok, err)
	}
}
