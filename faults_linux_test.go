package beacon_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// oldVersion is a commit from before records had a format. Its programs share outboxes with this version's.
const oldVersion = "2cae31a"

func init() { programs["stream"] = stream }

// stream is a program that sends beacons until it is killed or its time is over, and prints the body of each
// that was accepted.
func stream(url string) {
	seconds, _ := strconv.ParseFloat(os.Getenv("BEACON_TEST_SECONDS"), 64)
	for i, end := 0, time.Now().Add(time.Duration(seconds*float64(time.Second))); time.Now().Before(end); i++ {
		if body := fmt.Sprintf("%d-%d", os.Getpid(), i); beacon.Send(url, body) == nil {
			fmt.Println(body)
		}
		time.Sleep(20 * time.Millisecond)
	}
	os.Exit(0)
}

// A matrixServer keeps the beacons that it takes, and behaves badly by turns if it flaps.
type matrixServer struct {
	*httptest.Server
	flaps atomic.Bool

	mu      sync.Mutex
	taken   map[string]int // how often, by body
	mode    int
	changed time.Time
}

func newMatrixServer(t *testing.T) *matrixServer {
	s := &matrixServer{taken: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *matrixServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	mode := s.next()
	if mode == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.mu.Lock()
	s.taken[string(body)]++
	s.mu.Unlock()
	switch mode {
	case 2:
		time.Sleep(300 * time.Millisecond)
	case 3: // it has taken the beacon, and does not say so
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}

// next returns how the server behaves to a request.
func (s *matrixServer) next() int {
	if !s.flaps.Load() {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.changed) > 200*time.Millisecond {
		s.mode, s.changed = rand.IntN(5), time.Now()
	}
	return s.mode
}

// A matrix is one row: programs, their server and a fault.
type matrix struct {
	outbox   string
	server   *matrixServer
	mu       sync.Mutex
	accepted map[string]bool
	programs []*exec.Cmd
}

// start runs a program, and notes what it prints.
func (m *matrix) start(t *testing.T, ctx context.Context, path string, prepare func(*exec.Cmd)) {
	cmd := command(m.outbox, m.server.URL, "stream")
	if path != "" {
		cmd.Path = path
	}
	cmd.Env = append(cmd.Env, fmt.Sprintf("BEACON_TEST_SECONDS=%g", time.Until(deadlineOf(ctx)).Seconds()))
	if prepare != nil {
		prepare(cmd)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	m.mu.Lock()
	m.programs = append(m.programs, cmd)
	m.mu.Unlock()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		m.mu.Lock()
		m.accepted[lines.Text()] = true
		m.mu.Unlock()
	}
	cmd.Wait()
}

func deadlineOf(ctx context.Context) time.Time {
	end, _ := ctx.Deadline()
	return end
}

// each calls a fault again and again.
func each(ctx context.Context, pause time.Duration, fault func()) {
	for tick := time.Tick(pause); ; {
		select {
		case <-tick:
			fault()
		case <-ctx.Done():
			return
		}
	}
}

func (m *matrix) killDeliverer() {
	if pid := m.deliverer(); pid > 0 {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// deliverer returns the process id of the deliverer, or 0. The id may be of a process that has ended since,
// so its executable must be a program of this test.
func (m *matrix) deliverer() int {
	s, err := beacon.ReadStatus(m.outbox)
	if err != nil || !s.Delivering {
		return 0
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.PID))
	if err != nil || exe != os.Args[0] && filepath.Base(exe) != "older" {
		return 0
	}
	return s.PID
}

func (m *matrix) killProgram() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.programs[rand.IntN(len(m.programs))].Process.Kill()
}

// TestFaults_Matrix runs programs under faults, and then counts. BEACON_FAULT_SECONDS is how long each
// fault lasts, 2 seconds by default.
func TestFaults_Matrix(t *testing.T) {
	seconds := 2.0
	if text := os.Getenv("BEACON_FAULT_SECONDS"); text != "" {
		var err error
		if seconds, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatal(err)
		}
	}
	rows := []struct {
		name     string
		programs int
		fault    func(t *testing.T, m *matrix, ctx context.Context)
	}{
		{"none", 5, nil},
		{"deliverers are killed", 10, func(_ *testing.T, m *matrix, ctx context.Context) { each(ctx, 100*time.Millisecond, m.killDeliverer) }},
		{"programs are killed", 10, func(_ *testing.T, m *matrix, ctx context.Context) { each(ctx, 100*time.Millisecond, m.killProgram) }},
		{"30 programs, the server flaps", 30, func(_ *testing.T, m *matrix, ctx context.Context) { m.server.flaps.Store(true); <-ctx.Done() }},
		{"30 programs, the server flaps, both ends are killed", 30, func(_ *testing.T, m *matrix, ctx context.Context) {
			m.server.flaps.Store(true)
			each(ctx, 100*time.Millisecond, func() { m.killDeliverer(); m.killProgram() })
		}},
		{"deliverers and programs are stopped", 10, func(_ *testing.T, m *matrix, ctx context.Context) {
			each(ctx, 300*time.Millisecond, func() { m.stopAwhile() })
		}},
		{"the disk is full by turns", 10, fullByTurns},
		{"files are torn", 10, tearFiles},
		{"another user has the same outbox", 5, otherUser},
		{"programs of an older version", 5, olderPrograms},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m := &matrix{outbox: proctest.OutboxDir(t), server: newMatrixServer(t), accepted: map[string]bool{}}
			if row.name == "the disk is full by turns" {
				m.outbox = filepath.Join(disk(t), "outbox")
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds*float64(time.Second)))
			defer cancel()
			var all sync.WaitGroup
			defer all.Wait() // also if the fault is skipped
			for range row.programs {
				all.Go(func() {
					for ctx.Err() == nil {
						m.start(t, ctx, "", nil)
					}
				})
			}
			if row.fault != nil {
				for len(m.started()) < row.programs && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				row.fault(t, m, ctx)
			}
			all.Wait()
			m.server.flaps.Store(false)
			m.count(t)
		})
	}
}

func (m *matrix) started() []*exec.Cmd {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.programs
}

// count waits until nothing is pending, and compares what was accepted with what arrived.
func (m *matrix) count(t *testing.T) {
	t.Helper()
	var s beacon.Status
	proctest.Eventually(t, func() (err error) {
		if s, err = beacon.ReadStatus(m.outbox); err == nil && s.Pending > 0 {
			run(t, m.outbox, m.server.URL, "silent") // its deliverer may have been killed
			err = fmt.Errorf("%d pending: %+v", s.Pending, s)
		}
		return err
	})
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	// A beacon arrives twice if its deliverer is killed before it has written the outcome, or if the server
	// took it and did not answer.
	duplicates := 0
	for _, n := range m.server.taken {
		duplicates += n - 1
	}
	var lost []string
	for body := range m.accepted {
		if m.server.taken[body] == 0 {
			lost = append(lost, body)
		}
	}
	t.Logf("%d accepted, %d delivered, %d refused, %d expired, %d damaged, %d lost, %d duplicates",
		s.Accepted, s.Delivered, s.Refused, s.Expired, s.Corrupt, max(len(lost)-int(s.Corrupt), 0), duplicates)
	if len(lost) > int(s.Corrupt) || len(m.accepted) == 0 {
		t.Errorf("%d accepted beacons did not arrive, %d are counted as damaged: %v", len(lost), s.Corrupt, lost)
	}
	if s.Accepted != s.Delivered+s.Pending+s.Refused+s.Expired+s.Dropped+s.Corrupt+s.Purged || s.Accepted < int64(len(m.accepted)) {
		t.Errorf("programs counted %d: %+v", len(m.accepted), s)
	}
}

// stopAwhile stops the deliverer or a program for a while.
func (m *matrix) stopAwhile() {
	signal := func(s syscall.Signal) error { return os.ErrProcessDone }
	if pid := m.deliverer(); pid > 0 && rand.IntN(2) == 0 {
		signal = func(s syscall.Signal) error { return syscall.Kill(pid, s) }
	} else if all := m.started(); len(all) > 0 {
		program := all[rand.IntN(len(all))].Process
		signal = func(s syscall.Signal) error { return program.Signal(s) } // to none that has been reaped
	}
	if signal(syscall.SIGSTOP) == nil {
		time.AfterFunc(500*time.Millisecond, func() { signal(syscall.SIGCONT) })
	}
}

func fullByTurns(t *testing.T, m *matrix, ctx context.Context) {
	ballast := filepath.Join(filepath.Dir(m.outbox), "ballast")
	each(ctx, 100*time.Millisecond, func() {
		if os.Remove(ballast) != nil {
			f, err := os.Create(ballast)
			if err != nil {
				return
			}
			io.Copy(f, io.LimitReader(zeros{}, 1<<20)) // until the disk is full
			f.Close()
		}
	})
	os.Remove(ballast)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// tearFiles changes bytes of segments and of all other files while the server fails.
func tearFiles(t *testing.T, m *matrix, ctx context.Context) {
	m.server.flaps.Store(true)
	each(ctx, 50*time.Millisecond, func() {
		files, _ := filepath.Glob(filepath.Join(m.outbox, "*"))
		if len(files) == 0 {
			return // no program has sent yet
		}
		name := files[rand.IntN(len(files))]
		text, err := os.ReadFile(name)
		if err != nil || len(text) == 0 || strings.HasSuffix(name, "tally") {
			return // the tally is the only file that can't be found again
		}
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		defer f.Close()
		// Only records that have arrived whole: their last line ends them.
		if end := bytes.LastIndexByte(text, '\n'); end > 0 {
			f.WriteAt([]byte{0}, rand.Int64N(int64(end)))
		}
	})
}

// otherUser runs programs of another user with this user's outbox, which it must not get.
func otherUser(t *testing.T, m *matrix, ctx context.Context) {
	if os.Geteuid() != 0 {
		t.Skip("this needs to start programs of another user")
	}
	other := &matrix{outbox: m.outbox, server: m.server, accepted: map[string]bool{}}
	its := &matrix{outbox: proctest.OutboxDir(t), server: m.server, accepted: map[string]bool{}}
	exe := filepath.Join(t.TempDir(), "program")
	text, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(exe, text, 0o755)
	}
	for dir := filepath.Dir(exe); err == nil && dir != os.TempDir(); dir = filepath.Dir(dir) {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Dir(its.outbox), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	as := func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
		cmd.Dir = "/"
	}
	var both sync.WaitGroup
	both.Go(func() { other.start(t, ctx, exe, as) })
	both.Go(func() { its.start(t, ctx, exe, as) })
	both.Wait()
	if len(other.accepted) > 0 || len(its.accepted) == 0 {
		t.Errorf("another user's program sent %d beacons to the outbox, want 0, and %d to its own", len(other.accepted), len(its.accepted))
	}
}

// olderPrograms runs programs of an earlier version beside this one's, and kills the deliverers, so that each
// version delivers for both.
func olderPrograms(t *testing.T, m *matrix, ctx context.Context) {
	source := t.TempDir()
	archive := exec.Command("sh", "-c", "git archive "+oldVersion+" | tar -x -C "+source)
	if out, err := archive.CombinedOutput(); err != nil {
		t.Skipf("this needs the history of the repository: %v %s", err, out)
	}
	program := filepath.Join(source, "examples", "older", "main.go")
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte(`package main

import (
	"fmt"
	"os"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

func main() {
	beacon.Start()
	for i := 0; i < 100; i++ {
		if body := fmt.Sprintf("older %d-%d", os.Getpid(), i); beacon.Send(os.Args[1], body) {
			fmt.Println(body)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(source, "older")
	build := exec.Command("go", "build", "-o", exe, "./examples/older")
	build.Dir = source
	build.Env = append(os.Environ(), "GOTOOLCHAIN=auto", "GOWORK=off") // it may need a newer Go than these tests, and is one module
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// The build has taken this version's time, so both run now.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { m.start(t, ctx, exe, nil) })
		all.Go(func() { m.start(t, ctx, "", nil) })
	}
	each(ctx, 100*time.Millisecond, m.killDeliverer)
	all.Wait()
	older := 0
	m.mu.Lock()
	defer m.mu.Unlock()
	for body := range m.accepted {
		if strings.HasPrefix(body, "older") {
			older++
		}
	}
	if older < 100 {
		t.Errorf("programs of the older version sent %d beacons", older)
	}
}
