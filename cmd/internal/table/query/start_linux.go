package query

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// neededEnv are the variables that a child gets from the parent.
var neededEnv = []string{"LD_LIBRARY_PATH"}

const (
	// niceness lets the collector and short queries run before a query that takes long.
	niceness = 19
	// oomScore makes the kernel choose a query process when the machine is out of memory.
	oomScore = "1000"
)

// startConfined starts cmd such that it may read dir and write temp, and reports whether the
// kernel enforces that. Landlock belongs to a thread and is inherited, so a thread restricts itself,
// starts the child, and ends.
func startConfined(cmd *exec.Cmd, dir, temp string) (confined bool, err error) {
	onLastThread(func() {
		if confined, err = restrictThread(cmd.Path, dir, temp); err != nil {
			err = fmt.Errorf("restrict query process: %w", err)
			return
		}
		unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) // of this thread, and so of the child; best effort
		err = cmd.Start()
	})
	if err == nil {
		os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid), []byte(oomScore), 0) // best effort
	}
	return confined, err
}

// onLastThread runs f on a thread that ends after it. The main thread never ends, so f does not run
// on it.
func onLastThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // without unlock: the thread ends with the goroutine
		if unix.Gettid() == os.Getpid() {
			defer runtime.UnlockOSThread()
			onLastThread(f) // on another thread, while this one is locked
			return
		}
		f()
	}()
	<-done
}

// Rights on files, by what a rule grants.
const (
	readFile  = unix.LANDLOCK_ACCESS_FS_READ_FILE
	readTree  = readFile | unix.LANDLOCK_ACCESS_FS_READ_DIR
	execute   = readFile | unix.LANDLOCK_ACCESS_FS_EXECUTE
	library   = readTree | unix.LANDLOCK_ACCESS_FS_EXECUTE // the dynamic loader is executed
	writeTree = readTree | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR
)

// system are files and folders that the dynamic loader and DuckDB read. The rest of /proc shows other
// processes.
//
// Where DuckDB's allocator can't read overcommit_memory it reserves addresses first and maps memory
// over them, and for that the kernel does not apply RLIMIT_DATA.
var system = map[string]uint64{
	"/lib": library, "/lib64": library, "/usr/lib": library, "/usr/lib64": library, "/usr/local/lib": library,
	"/nix/store": library, "/gnu/store": library,
	"/etc/ld.so.cache": readFile, "/dev/null": readFile | unix.LANDLOCK_ACCESS_FS_WRITE_FILE, "/dev/urandom": readFile,
	"/proc/sys/vm/overcommit_memory": readFile,
}

// restrictThread confines the calling thread for good. Without Landlock it does nothing.
func restrictThread(exe, dir, temp string) (bool, error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return false, nil // the kernel has no Landlock, or it is switched off
	}
	attr := handled(int(abi))
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return false, fmt.Errorf("create landlock ruleset: %w", errno)
	}
	defer unix.Close(int(fd))
	exe, err := filepath.EvalSymlinks(exe)
	if err != nil {
		return false, err
	}
	for path, access := range system {
		if err := allow(int(fd), path, access&attr.Handled_access_fs); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EACCES) {
			return false, err
		}
	}
	for path, access := range map[string]uint64{exe: execute, dir: readTree, temp: writeTree} {
		if err := allow(int(fd), path, access&attr.Handled_access_fs); err != nil {
			return false, err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return false, fmt.Errorf("set no_new_privs: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return false, fmt.Errorf("landlock_restrict_self: %w", errno)
	}
	return true, nil
}

// handled is all that a kernel with this version of Landlock can refuse.
func handled(abi int) unix.LandlockRulesetAttr {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	if abi >= 2 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr
}

// allow grants access to path and, if it is a folder, to all in it.
func allow(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("allow %s: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("allow %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("allow %s: %w", path, errno)
	}
	return nil
}

// resident is the RSS of a process in bytes, or 0.
func resident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var size, pages int64
	if err != nil {
		return 0
	}
	fmt.Sscan(string(text), &size, &pages)
	return pages * int64(os.Getpagesize())
}

// yieldAlways makes a process run only where no other wants to: every other thread that wakes up takes
// its CPU at once, instead of waiting for the end of a time slice. Threads that start later inherit it.
// Best effort.
func yieldAlways(pid int) {
	idle := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		if thread, err := strconv.Atoi(task.Name()); err == nil {
			unix.SchedSetAttr(thread, &idle, 0)
		}
	}
}
