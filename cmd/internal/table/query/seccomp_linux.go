//go:build cgo && (amd64 || arm64)

package query

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filterSyscalls lets all threads of this process make only the system calls that the Go runtime,
// glibc and DuckDB need. Sockets, other programs and other processes are not among them. Other calls
// fail with ENOSYS, as in an old kernel, which glibc can work with.
func filterSyscalls() error {
	program, err := bpf.Assemble(syscallFilter(os.Getpid()))
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	filter := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // no_new_privs belongs to the thread, and SECCOMP_FILTER_FLAG_TSYNC spreads it
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	switch {
	case errno == unix.ENOSYS || errno == unix.EINVAL:
		return nil // the kernel has no filters
	case errno != 0:
		return errno
	case thread != 0:
		return fmt.Errorf("thread %d has another filter", thread)
	}
	return nil
}

// Offsets in struct seccomp_data. An argument has eight bytes, the lower four first.
const (
	offNumber = 0
	offArch   = 4
	offArg0   = 16
)

// syscallFilter is the program, for the process pid.
func syscallFilter(pid int) []bpf.Instruction {
	const (
		allow = unix.SECCOMP_RET_ALLOW
		kill  = unix.SECCOMP_RET_KILL_PROCESS
		nosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
		perm  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	)
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: kill},
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 0x40000000, SkipTrue: 1}, // the numbers of x32
		bpf.RetConstant{Val: kill},
	}
	for _, number := range append(commonSyscalls, archSyscalls...) {
		program = append(program,
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: number, SkipTrue: 1},
			bpf.RetConstant{Val: allow})
	}
	// These are allowed with some values of the first argument.
	for _, c := range []struct {
		number uint32
		arg0   bpf.JumpTest
		val    uint32
		other  uint32 // the answer for other values
	}{
		{unix.SYS_CLONE, bpf.JumpBitsSet, unix.CLONE_THREAD, perm},
		{unix.SYS_TGKILL, bpf.JumpEqual, uint32(pid), perm},
		{unix.SYS_PRLIMIT64, bpf.JumpEqual, 0, perm},
		{unix.SYS_PRCTL, bpf.JumpEqual, unix.PR_SET_NAME, nosys},
		{unix.SYS_KILL, bpf.JumpEqual, uint32(pid), perm},
	} {
		program = append(program,
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: c.number, SkipTrue: 4},
			bpf.LoadAbsolute{Off: offArg0, Size: 4},
			bpf.JumpIf{Cond: c.arg0, Val: c.val, SkipTrue: 1},
			bpf.RetConstant{Val: c.other},
			bpf.RetConstant{Val: allow})
	}
	return append(program, bpf.RetConstant{Val: nosys})
}

// commonSyscalls have the same names on all architectures.
var commonSyscalls = []uint32{
	// Files, which Landlock restricts.
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_LSEEK,
	unix.SYS_OPENAT, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_STATX, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINKAT,
	unix.SYS_GETDENTS64, unix.SYS_GETCWD, unix.SYS_FCNTL, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_FADVISE64,
	unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_STATFS, unix.SYS_FSTATFS,
	unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2,
	// Memory.
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_MINCORE, unix.SYS_MEMBARRIER,
	// Threads, signals and the scheduler of Go.
	unix.SYS_FUTEX, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_GETCPU,
	// Facts about this process and the machine.
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
	unix.SYS_GETRUSAGE, unix.SYS_SYSINFO, unix.SYS_UNAME, unix.SYS_GETRANDOM,
	// Time.
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_NANOSLEEP, unix.SYS_GETTIMEOFDAY,
}
