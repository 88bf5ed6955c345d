package js

import (
	"errors"
	"runtime"
	"strings"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
	"modernc.org/memory"
)

// The engine's allocations. It calls these functions for blocks of objects and for large objects. state has the
// VM's id. A result of 0 means that memory is missing.

// overhead is how many bytes the engine counts for an allocation beside its size.
const overhead = 8

func malloc(_ *libc.TLS, state uintptr, size lib.Tsize_t) uintptr {
	return allocate((*lib.TJSMallocState)(pointer(state)), 0, size)
}

func realloc(tls *libc.TLS, state, p uintptr, size lib.Tsize_t) uintptr {
	switch {
	case size == 0:
		free(tls, state, p)
		return 0
	case p == 0:
		return malloc(tls, state, size)
	}
	return allocate((*lib.TJSMallocState)(pointer(state)), p, size)
}

// An allocation of large bytes or more fails at the limit, so that the script gets a RangeError. A smaller one only
// ends the script, since a script that catches the error would run into it again and again. No allocation fails until
// relief bytes were allocated after one that failed, so that the error can be made and handled.
const (
	large  = 64 << 10
	relief = 1 << 20
)

// ErrMemory is wrapped by the error of a script that was ended at Config.Memory.
var ErrMemory = errors.New("it needs more memory than it may take")

func allocate(s *lib.TJSMallocState, old uintptr, size lib.Tsize_t) uintptr {
	had := usable(nil, old)
	vm := vmOf(s.Fopaque)
	if size > had {
		limit, total := lib.Tsize_t(vm.config.Memory), s.Fmalloc_size+size-had
		over := limit > 0 && total > limit
		hungry := vm.stop.Load() == starved || over && total-limit > limit/2+relief
		switch {
		case int(size) < 0 || uint64(size) > 1<<40 || over && size >= large && !inBacktrace():
			return 0
		case hungry && vm.relief <= 0 && !inBacktrace():
			vm.relief = relief
			return 0
		case hungry:
			vm.relief -= int64(size)
		case over:
			vm.Interrupt(ErrMemory)
		}
	}
	p, err := vm.heap.UintptrRealloc(old, int(size))
	if err != nil || p == 0 {
		return 0
	}
	s.Fmalloc_size += usable(nil, p) - had
	if old == 0 {
		s.Fmalloc_size += overhead
		s.Fmalloc_count++
	}
	return p
}

// inBacktrace reports whether the engine makes the stack of an Error. It uses that Error after it was freed if an
// allocation fails meanwhile. A look at the stack of Go is slow, but only made before an allocation fails.
func inBacktrace() bool {
	var callers [24]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "._build_backtrace") {
			return true
		}
		if !more {
			return false
		}
	}
}

func free(_ *libc.TLS, state, p uintptr) {
	if p == 0 {
		return
	}
	s := (*lib.TJSMallocState)(pointer(state))
	s.Fmalloc_size -= usable(nil, p) + overhead
	s.Fmalloc_count--
	vmOf(s.Fopaque).heap.UintptrFree(p)
}

func usable(_ *libc.TLS, p uintptr) lib.Tsize_t {
	if p == 0 {
		return 0
	}
	return lib.Tsize_t(memory.UintptrUsableSize(p))
}
