//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crash ends every version of the engine so far.
const crash = "select lag(x, -9223372036854775808) over () from range(10) t(x)"

func TestQuery_FourRun_NextWaits(t *testing.T) {
	p := newPool(t)
	var running []*Rows
	for range maxRunning {
		rows, err := p.Query(t.Context(), Request{SQL: "from range(10)", View: smallView})
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, rows)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Query(ctx, Request{SQL: "select 1", View: smallView}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for 4 other queries") {
		t.Errorf("one more: got %v", err)
	}
	running[0].Close()
	running[0].Close() // has no effect
	want(t, p, "select 1", "[1]")
	for _, rows := range running[1:] {
		rows.Close()
	}
	if s := p.Stats(); s.Running != 0 || s.Waiting != 0 {
		t.Errorf("got %+v, want none running", s)
	}
}

func TestQuery_ManyWait_NextIsBusy(t *testing.T) {
	p := newPool(t)
	for range maxRunning {
		p.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range maxWaiting {
		waiting.Go(func() { p.Query(ctx, Request{SQL: "select 1", View: smallView}) })
	}
	until(t, "all wait", func() bool { return p.Stats().Waiting == maxWaiting })
	if _, err := p.Query(ctx, Request{SQL: "select 1", View: smallView}); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "can't be queried now") {
		t.Errorf("got %v", err)
	}
	cancel()
	waiting.Wait()
	for range maxRunning {
		<-p.slots
	}
	want(t, p, "select 1", "[1]")
}

func TestQuery_ThatEndsItsProcess_IsRefusedForAWhile(t *testing.T) {
	p := newPool(t)
	if _, _, err := answer(t, p, Request{SQL: crash}); !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "is refused for 5m0s") {
		t.Errorf("got %v", err)
	}
	if _, _, err := answer(t, p, Request{SQL: " " + crash + "\n"}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "write the query in another way") {
		t.Errorf("again: got %v", err)
	}
	want(t, p, "select 1", "[1]")
	if s := p.Stats(); s.Ended != 1 || s.Refused != 1 {
		t.Errorf("got %+v, want 1 ended and 1 refused", s)
	}
}

func TestRefusals_TimePasses_QueryIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r refusals
		r.add("select 1", "SIGSEGV")
		time.Sleep(refuseFor - time.Second)
		if err := r.check("select 1 "); !errors.Is(err, ErrRefused) {
			t.Errorf("before the end: got %v", err)
		}
		time.Sleep(time.Second)
		if err := r.check("select 1"); err != nil {
			t.Errorf("after the end: got %v", err)
		}
		for i := range 2 * maxRefused {
			r.add(strings.Repeat("x", i), "SIGSEGV")
			time.Sleep(time.Millisecond)
		}
		if len(r.by) != maxRefused || r.check(strings.Repeat("x", 2*maxRefused-1)) == nil || r.check("xxx") != nil {
			t.Errorf("%d are refused, want the newest %d", len(r.by), maxRefused)
		}
	})
}

func TestQuery_WaitingProcessIsKilled_IsAnswered(t *testing.T) {
	p := newPool(t)
	for range 5 {
		until(t, "a process waits", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.warm != nil
		})
		p.mu.Lock()
		proc := p.warm
		p.mu.Unlock()
		<-proc.ready
		proc.cmd.Process.Kill()
		want(t, p, "select 1", "[1]")
	}
	if s := p.Stats(); s.Ended != 0 {
		t.Errorf("got %+v, want 0 ended", s)
	}
}

func TestQuery_CommandDoesNotStart_IsUnavailable(t *testing.T) {
	for _, command := range [][]string{{filepath.Join(t.TempDir(), "none")}, {"/bin/false"}} {
		p := newPool(t, func(o *Options) { o.Command = command })
		if _, _, err := answer(t, p, Request{SQL: "select 1"}); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "can't be queried now") {
			t.Errorf("%s: got %v", command, err)
		}
	}
}

func TestClose_QueriesRun_ProcessesEnd(t *testing.T) {
	p := newPool(t)
	rows, err := p.Query(t.Context(), Request{SQL: "from range(1000000)", View: smallView})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, _, err := answer(t, p, Request{SQL: "select count(*) from range(1000000) a(i), range(1000000) b(j) where hash(i + j) = 7"})
		ended <- err
	}()
	until(t, "two run", func() bool { return p.Stats().Running == 2 })
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("a query that ran: got %v", err)
	}
	for rows.Next() {
	}
	if !errors.Is(rows.Err(), ErrClosed) {
		t.Errorf("rows that were read: got %v", rows.Err())
	}
	rows.Close()
	if _, _, err := answer(t, p, Request{SQL: "select 1"}); !errors.Is(err, ErrClosed) {
		t.Errorf("a query after it: got %v", err)
	}
	if entries, err := os.ReadDir(p.o.Temp); err != nil || len(entries) != 0 {
		t.Errorf("left in the temporary folder: %v, %v", entries, err)
	}
}

func TestNew_Leftovers_AreDeleted(t *testing.T) {
	o := testOptions(t)
	for _, name := range []string{"query-1/spill", "export-1.csv/x"} {
		if err := os.MkdirAll(filepath.Join(o.Temp, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	newPool(t, func(n *Options) { n.Temp = o.Temp })
	entries, err := os.ReadDir(o.Temp)
	if err != nil || len(entries) > 1 { // that of the process that waits
		t.Errorf("got %v, %v", entries, err)
	}
}

// until polls until done returns true.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out until %s", what)
		}
	}
}
