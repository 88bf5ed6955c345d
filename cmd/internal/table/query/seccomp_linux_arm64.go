//go:build cgo

package query

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// archSyscalls are those with a name of their own.
var archSyscalls = []uint32{unix.SYS_NEWFSTATAT, unix.SYS_PPOLL}
