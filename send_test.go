//go:build unix

package beacon_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// TestMain makes this binary the program that the tests run: BEACON_TEST_PROGRAM says
// how it ends.
func TestMain(m *testing.M) {
	if len(os.Args) == 1 {
		onTheWayToStart(os.Getenv("BEACON_TEST_PROGRAM"))
	}
	beacon.Start()
	if end := os.Getenv("BEACON_TEST_PROGRAM"); end != "" {
		if how, ok := strings.CutPrefix(end, "way "); ok {
			way(how, os.Args[1])
		}
		program(os.Args[1], end)
	}
	os.Exit(m.Run())
}

// program sends a beacon and is gone in the next statement.
func program(url, end string) {
	if end == "page killed" {
		n := beacon.Navigator{Page: &beacon.Page{URL: "http://shop.example/cart"}}
		if ok, err := n.SendBeacon(url, end); !ok || err != nil {
			os.Exit(3)
		}
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if end == "page" {
		n := beacon.Navigator{Page: &beacon.Page{URL: "http://shop.example/cart"}}
		if ok, err := n.SendBeacon(url, end); !ok || err != nil {
			os.Exit(3)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		beacon.Flush(ctx)
		os.Exit(0)
	}
	if end == "silent" {
		os.Exit(0)
	}
	if !beacon.Send(url, beacon.JSON(end)) {
		os.Exit(3)
	}
	switch end {
	case "exit", "hang", "crash", "look around":
		os.Exit(0)
	case "panic":
		panic("as it happens")
	case "SIGKILL":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "SIGTERM":
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
	case "SIGHUP":
		syscall.Kill(os.Getpid(), syscall.SIGHUP)
	case "group":
		syscall.Kill(0, syscall.SIGKILL)
	case "again", "remove":
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := beacon.Flush(ctx); err != nil {
			os.Exit(4)
		}
		if end == "remove" {
			os.RemoveAll(beacon.DefaultOutbox())
		}
		// Until the deliverer has nothing to do any more.
		for delivering := true; delivering && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			s, err := (*beacon.Config)(nil).Status()
			delivering = err == nil && s.Delivering
		}
		if !beacon.Send(url, "again") {
			os.Exit(3)
		}
		os.Exit(0)
	case "flush":
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := beacon.Flush(ctx); err != nil {
			os.Exit(4)
		}
		os.Exit(0)
	}
	time.Sleep(time.Minute) // a signal is on its way
}

func command(outbox, url, end string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], url)
	cmd.Env = append(os.Environ(), "BEACON_TEST_PROGRAM="+end, "BEACON_OUTBOX="+outbox, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// run runs the program and returns how long it took and what it printed.
func run(t *testing.T, outbox, url, end string) (took time.Duration, output string) {
	t.Helper()
	cmd := command(outbox, url, end)
	began := time.Now()
	// Output reads until the last process that has the pipe closes it: a deliverer
	// that held on to it would be waited for.
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() == 3 || exit.ExitCode() == 4) {
		t.Fatalf("%v: %s", err, out)
	}
	return time.Since(began), string(out)
}

// A desk is a server that remembers what it took.
type desk struct {
	*httptest.Server
	mu    sync.Mutex
	taken map[string][]string // bodies by Idempotency-Key
}

func newDesk(t *testing.T, listener net.Listener, answer http.HandlerFunc) *desk {
	t.Helper()
	d := &desk{taken: map[string][]string{}}
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if answer != nil {
			answer(w, r)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		key := r.Header.Get("Idempotency-Key")
		d.taken[key] = append(d.taken[key], string(body))
		w.WriteHeader(http.StatusNoContent)
	}))
	if listener != nil {
		d.Listener.Close()
		d.Listener = listener
	}
	d.Start()
	t.Cleanup(d.Close)
	return d
}

func (d *desk) wait(t *testing.T, n int) {
	t.Helper()
	eventually(t, func() error { return d.has(n) })
}

// has says what n beacons lack.
func (d *desk) has(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if have := len(d.taken); have < n {
		return fmt.Errorf("%d of %d beacons arrived", have, n)
	}
	return nil
}

// eventually looks again and again, for half a minute, until nothing is amiss.
func eventually(t *testing.T, amiss func() error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := amiss()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after 30 s: %v", err)
		}
	}
}

// newOutbox is a folder outside the test's own, as a deliverer may outlive the test.
func newOutbox(t testing.TB) string {
	dir, err := os.MkdirTemp("", "beacon-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "outbox")
}

func TestHoweverTheProgramEndsTheBeaconArrives(t *testing.T) {
	for _, end := range []string{"exit", "panic", "SIGKILL", "SIGTERM", "SIGHUP", "group"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) })
			took, out := run(t, newOutbox(t), d.URL, end)
			if took > 1500*time.Millisecond {
				t.Errorf("the program waited: %v (%s)", took, out)
			}
			d.wait(t, 1)
		})
	}
}

func TestTheServerIsNotUpYet(t *testing.T) {
	for _, end := range []string{"exit", "SIGKILL"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := listener.Addr().String()
			listener.Close()
			run(t, newOutbox(t), "http://"+address, end)
			time.Sleep(time.Second)
			if listener, err = net.Listen("tcp", address); err != nil {
				t.Fatal(err)
			}
			newDesk(t, listener, nil).wait(t, 1)
		})
	}
}

func TestFlushWaitsForTheServersAnswer(t *testing.T) {
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) })
	took, _ := run(t, newOutbox(t), d.URL, "flush")
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.taken) != 1 || took < 300*time.Millisecond {
		t.Errorf("%d arrived when the program ended after %v", len(d.taken), took)
	}
}

func TestADelivererThatHangsOnItsWayToStartGivesTheLockUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil, nil)
	outbox := newOutbox(t)
	run(t, outbox, d.URL, "hang")
	d.mu.Lock()
	if len(d.taken) > 0 {
		t.Error("it does not hang")
	}
	d.mu.Unlock()
	eventually(t, func() error {
		run(t, outbox, d.URL, "exit")
		time.Sleep(time.Second) // it takes ten until the lock is free
		return d.has(1)
	})
}

func TestWhatIsSentAfterAFlushLeavesToo(t *testing.T) {
	// Where the outbox was removed there is no lock to look at before the record has made
	// another.
	for _, end := range []string{"again", "remove"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil, nil)
			run(t, newOutbox(t), d.URL, end)
			d.wait(t, 2)
		})
	}
}

func TestNavigatorsWithOneOutboxKeepTheirOwnCapacity(t *testing.T) {
	d := newDesk(t, nil, nil)
	outbox := newOutbox(t)
	large := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, InProcess: true}}
	small := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, InProcess: true, Capacity: 1}}
	if ok, err := large.SendBeacon(d.URL, "x"); !ok || err != nil {
		t.Error(ok, err)
	}
	if ok, _ := small.SendBeacon(d.URL, make([]byte, 60_000)); ok {
		t.Error("a navigator's own capacity does not count")
	}
	d.wait(t, 1)
}

func TestHeaderAndUserAgent(t *testing.T) {
	var mu sync.Mutex
	var got http.Header
	d := newDesk(t, nil, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = r.Header.Clone()
	})
	n := beacon.Navigator{
		Config:    &beacon.Config{Outbox: newOutbox(t), InProcess: true},
		Header:    http.Header{"Authorization": {"Bearer key"}, "x-write-key": {"a", "b"}},
		UserAgent: "tool/1.2",
	}
	if ok, err := n.SendBeacon(d.URL, nil); !ok || err != nil {
		t.Fatal(ok, err)
	}
	d.wait(t, 1)
	mu.Lock()
	defer mu.Unlock()
	if got.Get("Authorization") != "Bearer key" || len(got.Values("X-Write-Key")) != 2 || got.Get("User-Agent") != "tool/1.2" {
		t.Errorf("%v", got)
	}
	for name, value := range map[string]string{"X-Large": strings.Repeat("x", 65<<10), "Host": "x", "content-length": "1", "Bad Name": "x", "X": "a\nb secret"} {
		n.Header = http.Header{name: {value}}
		_, err := n.SendBeacon(d.URL, nil)
		var typeError *beacon.TypeError
		if !errors.As(err, &typeError) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDoNotTrack(t *testing.T) {
	var log logged
	outbox := newOutbox(t)
	config := &beacon.Config{Outbox: outbox, InProcess: true, HonorDoNotTrack: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	tracked, untracked := beacon.Navigator{Config: config}, beacon.Navigator{Config: &beacon.Config{Outbox: outbox, InProcess: true}}
	const nobody = "http://127.0.0.1:1/"
	for range 3 {
		if ok, _ := tracked.SendBeacon(nobody, "x"); !ok {
			t.Fatal("not queued")
		}
	}
	untracked.SendBeacon(nobody, "of a program that takes no notice")
	t.Setenv("DO_NOT_TRACK", "1")
	if ok, err := tracked.SendBeacon(nobody, "x"); ok || err != nil || !strings.Contains(log.String(), "DO_NOT_TRACK") {
		t.Errorf("%v %v %s", ok, err, log.String())
	}
	eventually(t, func() error {
		s, err := config.Status()
		if err == nil && (s.Purged != 3 || s.Pending != 1 || s.Accepted != 4 || s.Forbidden.IsZero()) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	t.Setenv("DO_NOT_TRACK", "")
	if ok, _ := tracked.SendBeacon(nobody, "x"); !ok {
		t.Error("refused without the wish")
	}
	if s, _ := config.Status(); s.Pending != 2 {
		t.Errorf("%+v", s)
	}
	os.RemoveAll(outbox) // or every later Flush would wait for it
}

func TestTheProxyIsTheOneOfTheMomentOfSend(t *testing.T) {
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

func TestManyProcessesShareOneDeliverer(t *testing.T) {
	d := newDesk(t, nil, nil)
	outbox := newOutbox(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { run(t, outbox, d.URL, "exit") })
	}
	all.Wait()
	d.wait(t, 20)
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, bodies := range d.taken {
		if len(bodies) != 1 || bodies[0] != `"exit"` {
			t.Errorf("%s: %q", key, bodies)
		}
	}
}

func TestInProcess(t *testing.T) {
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

func TestFlushGivesUpWithItsContextAndSaysWhatIsLeft(t *testing.T) {
	outbox := newOutbox(t)
	n := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, InProcess: true}}
	if ok, err := n.SendBeacon("http://127.0.0.1:1/", "x"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := beacon.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 beacons wait") {
		t.Error(err)
	}
	// What was given up on is pending, and a later run would deliver it.
	if s, err := spool.ReadStatus(outbox); err != nil || s.Pending != 1 {
		t.Errorf("%+v %v", s, err)
	}
	os.RemoveAll(outbox) // or every later Flush would wait for it
}

// logged is what a logger wrote, from whichever goroutine.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestLimits(t *testing.T) {
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

func TestAnOutboxThatCantBeWrittenIsAnHonestFalse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	n := beacon.Navigator{Config: &beacon.Config{Outbox: filepath.Join(file, "outbox")}}
	if ok, err := n.SendBeacon("http://127.0.0.1/", "x"); ok || err != nil {
		t.Error(ok, err)
	}
}
