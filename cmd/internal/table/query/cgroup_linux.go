//go:build cgo && (amd64 || arm64)

package query

/*
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// DuckDB calls access to find out whether /proc/self/cgroup exists, and ends the process when it then
// can't open the file. Landlock refuses the opening of files in /proc, but does not restrict access.
// The linker prefers this access to that of libc. With the answer that the file does not exist DuckDB
// reads no limits of a control group. It does not need them, since memory_limit and threads are set.
int access(const char *path, int mode) {
	if (strcmp(path, "/proc/self/cgroup") == 0) {
		errno = ENOENT;
		return -1;
	}
	return syscall(SYS_faccessat, AT_FDCWD, path, mode);
}
*/
import "C"
