package beacon_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

func init() { programs["never reap"] = neverReap }

// neverReap is the first process of a container: it starts programs that send, one after the other, and reaps
// only those.
func neverReap(url string) {
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		fmt.Println("no /proc:", err)
		os.Exit(0)
	}
	for range 4 {
		out, err := command(os.Getenv("BEACON_OUTBOX"), url, "exit").CombinedOutput()
		if err != nil {
			fmt.Printf("%v: %s\n", err, out)
		}
		time.Sleep(7 * time.Second) // more than a deliverer is idle before it ends
	}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		fmt.Println(err)
	}
	for _, p := range processes {
		if pid, err := strconv.Atoi(p.Name()); err != nil || pid == 1 {
			continue
		}
		stat, err := os.ReadFile("/proc/" + p.Name() + "/stat")
		if text := string(stat); err == nil {
			fmt.Println("process", text[:strings.LastIndexByte(text, ')')+3])
		}
	}
	os.Exit(0)
}

// Programs run one after the other under a first process that does not reap their deliverers.
func TestZombies_FirstProcessDoesNotReap_OneAtMost(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil, nil)
	first := command(proctest.OutboxDir(t), d.URL, "never reap")
	id := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	gid := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	first.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		UidMappings: id, GidMappings: gid,
	}
	out, err := first.CombinedOutput()
	if err != nil && strings.Contains(err.Error(), "not permitted") || strings.Contains(string(out), "no /proc") {
		t.Skipf("no namespaces here: %v %s", err, out)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	zombies, others := 0, 0
	for line := range strings.Lines(string(out)) {
		if strings.HasSuffix(strings.TrimSpace(line), "Z") {
			zombies++
		} else {
			others++
		}
	}
	if zombies != 1 || others != 1 {
		t.Errorf("%d zombies and %d other processes, want one of each:\n%s", zombies, others, out)
	}
	d.wait(t, 4)
}
