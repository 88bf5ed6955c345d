package beacon_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// deliverersOf returns the process ids of an outbox's deliverers.
func deliverersOf(t *testing.T, outbox string) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		for value := range strings.SplitSeq(string(environment), "\x00") {
			if value == "BEACON_DELIVERER=3 deliverer "+outbox {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// The deliverer leads a session, works in the root directory, and says in a list of processes what it is.
func TestDeliverer_Started_IsApartFromItsProgram(t *testing.T) {
	ended := make(chan struct{})
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { <-ended })
	outbox := proctest.OutboxDir(t)
	run(t, outbox, d.URL, "exit")
	pids := deliverersOf(t, outbox)
	if len(pids) != 1 {
		t.Fatalf("got the deliverers %v, want one", pids)
	}
	proc := fmt.Sprintf("/proc/%d/", pids[0])
	dir, err := os.Readlink(proc + "cwd")
	if err != nil || dir != "/" {
		t.Errorf("its directory is %q, %v", dir, err)
	}
	title, err := os.ReadFile(proc + "cmdline")
	if err != nil || strings.Trim(string(title), "\x00") != "** beacon deliverer **" {
		t.Errorf("its arguments are %q, %v", title, err)
	}
	stat, err := os.ReadFile(proc + "stat")
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if err != nil || fields[3] != strconv.Itoa(pids[0]) {
		t.Errorf("its session is %s, want %d; %v", fields[3], pids[0], err)
	}
	close(ended)
	d.wait(t, 1)
}

// The server answers when all programs have ended, so that no deliverer ends before.
func TestSend_ManyProcesses_ShareOneDeliverer(t *testing.T) {
	const programs = 20
	ended := make(chan struct{})
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { <-ended })
	outbox := proctest.OutboxDir(t)
	var all sync.WaitGroup
	for range programs {
		all.Go(func() { run(t, outbox, d.URL, "exit") })
	}
	all.Wait()
	if pids := deliverersOf(t, outbox); len(pids) != 1 {
		t.Errorf("the deliverers %v for %d programs, want one", pids, programs)
	}
	close(ended)
	d.wait(t, programs)
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, bodies := range d.taken {
		if len(bodies) != 1 || bodies[0] != `"exit"` {
			t.Errorf("%s: %q", key, bodies)
		}
	}
}
