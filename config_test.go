package beacon_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

func TestConfig_Header_IsSentWithEachBeacon(t *testing.T) {
	var mu sync.Mutex
	var got http.Header
	d := newDesk(t, nil, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = r.Header.Clone()
	})
	n := open(t, beacon.Config{Header: http.Header{"Authorization": {"Bearer key"}, "x-write-key": {"a", "b"}, "User-Agent": {"tool/1.2"}}})
	if err := n.Send(d.URL, nil); err != nil {
		t.Fatal(err)
	}
	d.wait(t, 1)
	mu.Lock()
	defer mu.Unlock()
	if got.Get("Authorization") != "Bearer key" || len(got.Values("X-Write-Key")) != 2 || got.Get("User-Agent") != "tool/1.2" {
		t.Errorf("got %v", got)
	}
}

func TestOpen_WrongConfig_ReturnsTypeError(t *testing.T) {
	header := func(name, value string) beacon.Config { return beacon.Config{Header: http.Header{name: {value}}} }
	for name, c := range map[string]beacon.Config{
		"a large header":            header("X-Large", strings.Repeat("x", 65<<10)),
		"Host":                      header("Host", "x"),
		"Content-Length":            header("content-length", "1"),
		"a name that is no token":   header("Bad Name", "x"),
		"a value with a line end":   header("X", "a\nb secret"),
		"a User-Agent of two lines": header("User-Agent", "a\nb secret"),
		"a relative file":           {HeaderFile: map[string]string{"X": "token"}},
		"a file's path with NUL":    {HeaderFile: map[string]string{"X": "/a\x00"}},
		"a file's path with spaces": {HeaderFile: map[string]string{"X": "/a "}},
		"a file twice":              {HeaderFile: map[string]string{"X": "/a", "x": "/b"}},
		"a file for Content-Type":   {HeaderFile: map[string]string{"Content-Type": "/x"}},
		"Base in the user's outbox": {Base: http.DefaultTransport},
		"a body of 2 MiB":           {MaxBody: 2 << 20},
		"a file for a strange name": {HeaderFile: map[string]string{"a b": "/x"}},
	} {
		if c.Base == nil {
			c.Dir = proctest.OutboxDir(t)
		}
		_, err := beacon.Open(c)
		if typeError := (*beacon.TypeError)(nil); !errors.As(err, &typeError) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want a TypeError", name, err)
		}
	}
}

// The beacon waits while its token can't be read, and then leaves with the one that is in the file.
func TestConfig_HeaderFile_IsReadWhenTheBeaconLeaves(t *testing.T) {
	tokens := make(chan string, 10)
	d := newDesk(t, nil, func(_ http.ResponseWriter, r *http.Request) { tokens <- r.Header.Get("Authorization") })
	token := filepath.Join(t.TempDir(), "token")
	n := open(t, beacon.Config{HeaderFile: map[string]string{"Authorization": token}})
	if err := n.Send(d.URL, "x"); err != nil {
		t.Fatal(err)
	}
	proctest.Eventually(t, func() error {
		s, err := n.Status()
		if err == nil && (len(s.Lanes) != 1 || !strings.Contains(s.Lanes[0].LastError, token)) {
			err = fmt.Errorf("no reason with the file: %+v", s)
		}
		return err
	})
	if err := os.WriteFile(token, []byte("Bearer of the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.wait(t, 1)
	if got := <-tokens; got != "Bearer of the file" || len(tokens) > 0 {
		t.Errorf("got %q, and %d more requests", got, len(tokens))
	}
	segments, _ := filepath.Glob(filepath.Join(dirOf(t, n), "*"))
	for _, name := range segments {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), "Bearer of the file") {
			t.Errorf("%s has the token", name)
		}
	}
}

// A pipe that nothing writes to does not hold up beacons with other files.
func TestConfig_HeaderFileIsAPipe_OthersAreDelivered(t *testing.T) {
	d := newDesk(t, nil, nil)
	pipe, outbox := filepath.Join(t.TempDir(), "pipe"), proctest.OutboxDir(t)
	if out, err := exec.Command("mkfifo", pipe).CombinedOutput(); err != nil {
		t.Skipf("no pipe: %v: %s", err, out)
	}
	held := open(t, beacon.Config{Dir: outbox, HeaderFile: map[string]string{"X-Token": pipe}})
	if err := held.Send(d.URL, "held"); err != nil {
		t.Fatal(err)
	}
	if err := open(t, beacon.Config{Dir: outbox}).Send(d.URL, "free"); err != nil {
		t.Fatal(err)
	}
	d.wait(t, 1)
	proctest.Eventually(t, func() error {
		if s, err := held.Status(); err != nil || s.Pending != 1 || !strings.Contains(fmt.Sprint(s.Lanes), "not a regular file") {
			return fmt.Errorf("%+v, %v", s, err)
		}
		return nil
	})
}

func TestFlush_SenderIsClosed_ReturnsErrClosed(t *testing.T) {
	n := open(t, beacon.Config{})
	if err := n.Send("http://127.0.0.1:1/", "x"); err != nil {
		t.Fatal(err)
	}
	flushed := make(chan error)
	go func() { flushed <- n.Flush(t.Context()) }()
	time.Sleep(10 * time.Millisecond) // Flush waits, most times
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	for _, err := range []error{<-flushed, n.Flush(t.Context())} {
		if !errors.Is(err, beacon.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
}

func dirOf(t *testing.T, n *beacon.Sender) string {
	t.Helper()
	s, err := n.Status()
	if err != nil {
		t.Fatal(err)
	}
	return s.Outbox
}

// A beacon for a Base waits when its program has ended. Another program, which has the same outbox and no Base,
// does not deliver it.
func TestConfig_Base_OnlyAProgramWithItDelivers(t *testing.T) {
	d := newDesk(t, nil, nil)
	outbox := proctest.OutboxDir(t)
	refused := errors.New("no certificate yet")
	first := open(t, beacon.Config{Dir: outbox, Base: roundTripper(func(*http.Request) (*http.Response, error) { return nil, refused })})
	if err := first.Send(d.URL, "x"); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	without := open(t, beacon.Config{Dir: outbox})
	if err := without.Send(d.URL, "of the program without Base"); err != nil {
		t.Fatal(err)
	}
	d.wait(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := without.Flush(ctx); err != nil {
		t.Error(err)
	}
	if s, err := without.Status(); err != nil || s.Pending != 1 || !strings.Contains(fmt.Sprint(s.Lanes), "its own program") && s.Lanes[0].LastError == "" {
		t.Errorf("got %+v, %v; want one that waits for its program", s, err)
	}
	without.Close()
	open(t, beacon.Config{Dir: outbox, Base: http.DefaultTransport})
	d.wait(t, 2)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClose_ManySenders_NothingIsLeft(t *testing.T) {
	d := newDesk(t, nil, nil)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil && runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		return len(entries)
	}
	cycle := func(i int) {
		s, err := beacon.Open(beacon.Config{Dir: proctest.OutboxDir(t)})
		if err != nil {
			t.Fatal(err)
		}
		url := d.URL
		if i%2 == 1 {
			url = "http://127.0.0.1:1/" // it is still tried when the sender is closed
		}
		if err := s.Send(url, "x"); err != nil {
			t.Error(err)
		}
		if i%2 == 0 {
			if err := s.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := s.Send(url, "x"); !errors.Is(err, beacon.ErrClosed) {
			t.Errorf("after Close: got %v, want ErrClosed", err)
		}
	}
	cycle(0)
	goroutines, files := runtime.NumGoroutine(), descriptors()
	for i := range 50 {
		cycle(i)
	}
	d.CloseClientConnections()
	proctest.Eventually(t, func() error {
		if g, f := runtime.NumGoroutine(), descriptors(); g > goroutines || f > files {
			return fmt.Errorf("%d goroutines and %d descriptors, before %d and %d", g, f, goroutines, files)
		}
		return nil
	})
}

func TestPending_SomeWait_TheyAreListedAndDropped(t *testing.T) {
	n := open(t, beacon.Config{})
	for _, body := range []string{"a", "b", "c"} {
		if err := n.Send("http://127.0.0.1:1/"+body, url.Values{"x": {body}}); err != nil {
			t.Fatal(err)
		}
	}
	var ids []uuid.UUID
	for b, err := range n.Pending() {
		if err != nil {
			t.Fatal(err)
		}
		if b.Method != "POST" || !strings.HasSuffix(string(b.Body), b.URL[len(b.URL)-1:]) || b.Header.Get("Idempotency-Key") != `"`+b.ID.String()+`"` || time.Since(b.Sent) > time.Minute {
			t.Errorf("got %+v", b)
		}
		ids = append(ids, b.ID)
	}
	if len(ids) != 3 {
		t.Fatalf("got %d beacons, want 3", len(ids))
	}
	for range n.Pending() {
		break // before the end
	}
	if err := n.Drop(append(ids[:2], uuid.New())...); err != nil {
		t.Fatal(err)
	}
	proctest.Eventually(t, func() error { // one may be under way
		s, err := n.Status()
		if err == nil && (s.Dropped != 2 || s.Pending != 1) {
			err = fmt.Errorf("got %+v, want two dropped", s)
		}
		return err
	})
}
