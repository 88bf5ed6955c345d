// Package js runs JavaScript on QuickJS, which is the C engine translated to Go (modernc.org/libquickjs). It passes
// values between JavaScript and Go without JSON.
//
// # Lifetimes
//
// A [Value] is valid until the innermost Do or host function that made or got it returns. [VM.Keep] makes it valid
// until [VM.Release]. A VM and its values are used by one goroutine at a time, except for [VM.Interrupt].
package js

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
	"modernc.org/memory"
)

// Config is the settings of a VM. The zero Config is valid.
type Config struct {
	// Memory is how many bytes the engine's heap can have. 0 means without limit. At the limit a script that needs a
	// large block, such as an ArrayBuffer, gets a RangeError. A script that needs a small one is ended with
	// [ErrMemory].
	Memory int64
	// Depth is how many calls can be nested, where a call of a built-in function counts up to 9 times. A script at
	// the limit gets a RangeError. 0 means 4000.
	Depth int
	// Resolve returns the name of the module that base imports as specifier. Load returns its source. If Load is
	// nil, a VM has no modules other than those that it runs.
	Resolve func(base, specifier string) (name string, err error)
	Load    func(name string) (source string, err error)
	// Rejection, if not nil, is called when a promise without a handler is rejected, and with handled when such a
	// promise gets a handler.
	Rejection func(promise, reason Value, handled bool)
	// ErrorValue, if not nil, returns the value that is thrown for an error of a host function, or false for an
	// Error with the text of err.
	ErrorValue func(err error) (Value, bool)
}

// A VM is a global object with its heap.
type VM struct {
	config   Config
	id       uintptr
	tls      *libc.TLS
	rt, ctx  uintptr
	heap     memory.Allocator // freed as a whole by Close
	buffer   uintptr          // holds a string of Go for the engine
	capacity int
	relief   int64 // bytes that can still be allocated while others fail

	depth    int            // of Do and host functions
	owned    []lib.TJSValue // by the scopes
	hosts    []any          // Go values that JavaScript refers to
	freed    []int          // indexes of hosts without a value
	classes  map[string]Value
	panicked any  // the value of a panic in a host function, until Go code above the script gets it
	engine   bool // the engine's code runs, not Go code that it called
	broken   bool // the engine's code panicked, or the VM is closed

	stop  atomic.Int32 // one of the constants below
	guard sync.Mutex   // of the fields below
	why   error        // of the interrupt
	timer *time.Timer
}

const (
	running     = iota
	interrupted // the next function call or loop of JavaScript ends the script
	starved     // and so does each allocation of a built-in function
)

// starveAfter is how long a built-in function can continue after an interrupt before its allocations fail.
const starveAfter = 50 * time.Millisecond

// vms has the VMs by id, since the engine can keep no pointers to Go values.
var (
	vms    sync.Map
	lastID atomic.Uintptr
)

func vmOf(id uintptr) *VM {
	vm, _ := vms.Load(id)
	return vm.(*VM)
}

func vmOfContext(tls *libc.TLS, ctx uintptr) *VM { return vmOf(lib.XJS_GetContextOpaque(tls, ctx)) }

// hostClass is the engine's class of objects that refer to a value in VM.hosts.
var hostClass = sync.OnceValue(func() uint32 {
	tls := libc.NewTLS()
	defer tls.Close()
	var id lib.TJSClassID
	return lib.XJS_NewClassID(tls, uintptr(unsafe.Pointer(&id)))
})

// New returns a VM with the objects of ECMAScript. The caller must close it.
func New(c Config) (*VM, error) {
	vm := &VM{config: c, id: lastID.Add(1), tls: libc.NewTLS(), classes: map[string]Value{}}
	vms.Store(vm.id, vm)
	if err := vm.init(); err != nil {
		vm.Close()
		return nil, err
	}
	return vm, nil
}

func (vm *VM) init() error {
	errMemory := fmt.Errorf("js: %d bytes of memory are too few for a VM", vm.config.Memory)
	functions := vm.tls.Alloc(int(unsafe.Sizeof(lib.TJSMallocFunctions{})))
	*(*lib.TJSMallocFunctions)(pointer(functions)) = lib.TJSMallocFunctions{
		Fjs_malloc: code(malloc), Fjs_free: code(free), Fjs_realloc: code(realloc), Fjs_malloc_usable_size: code(usable),
	}
	vm.rt = lib.XJS_NewRuntime2(vm.tls, functions, vm.id)
	vm.tls.Free(int(unsafe.Sizeof(lib.TJSMallocFunctions{})))
	if vm.rt == 0 {
		return errMemory
	}
	depth := vm.config.Depth
	if depth == 0 {
		depth = 4000
	}
	lib.XJS_SetMaxStackSize(vm.tls, vm.rt, lib.Tsize_t(depth))
	lib.XJS_SetCanBlock(vm.tls, vm.rt, 0)
	lib.XJS_SetRuntimeOpaque(vm.tls, vm.rt, vm.id)
	lib.XJS_SetInterruptHandler(vm.tls, vm.rt, code(poll), vm.id)
	if vm.ctx = lib.XJS_NewContext(vm.tls, vm.rt); vm.ctx == 0 {
		return errMemory
	}
	lib.XJS_SetContextOpaque(vm.tls, vm.ctx, vm.id)
	name := vm.cString("Host")
	definition := vm.tls.Alloc(int(unsafe.Sizeof(lib.TJSClassDef{})))
	*(*lib.TJSClassDef)(pointer(definition)) = lib.TJSClassDef{Fclass_name: name, Ffinalizer: code(finalize)}
	failed := lib.XJS_NewClass(vm.tls, vm.rt, hostClass(), definition) < 0
	vm.tls.Free(int(unsafe.Sizeof(lib.TJSClassDef{})))
	if failed {
		return errMemory
	}
	// Endless recursion and missing memory are RangeErrors in browsers. This engine has an InternalError for them.
	protos := &(*lib.TJSContext)(pointer(vm.ctx)).Fnative_error_proto
	lib.XFreeValue(vm.tls, vm.ctx, protos[lib.EJS_INTERNAL_ERROR])
	protos[lib.EJS_INTERNAL_ERROR] = lib.XDupValue(vm.tls, vm.ctx, protos[lib.EJS_RANGE_ERROR])
	if vm.config.Rejection != nil {
		lib.XJS_SetHostPromiseRejectionTracker(vm.tls, vm.rt, code(rejection), 0)
	}
	lib.XJS_SetModuleLoaderFunc(vm.tls, vm.rt, code(resolveModule), code(loadModule), 0)
	return vm.Do(func() error {
		for _, name := range []string{"Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"} {
			class, err := vm.Get(vm.Global(), name)
			if err != nil {
				return err
			}
			vm.classes[name] = vm.Keep(class)
		}
		return vm.Delete(vm.Global(), "InternalError")
	})
}

// Close frees the heap. Values are invalid after it. It must not be called by a host function.
func (vm *VM) Close() {
	vm.guard.Lock()
	defer vm.guard.Unlock()
	if vm.timer != nil {
		vm.timer.Stop()
	}
	vm.rt, vm.ctx, vm.broken = 0, 0, true
	vms.Delete(vm.id)
	vm.heap.Close() // in place of JS_FreeRuntime, which visits each object
	vm.tls.Close()
	vm.hosts = nil
}

// ErrInterrupted is wrapped, beside the reason, by the error of what [VM.Interrupt] ended.
var ErrInterrupted = errors.New("the script was ended")

// Interrupt ends the script that runs, or that Do runs next, until [VM.Resume]. The script can't catch it. A built-in
// function that makes no call and needs no memory, such as Array.prototype.indexOf on a huge object, ends by itself
// first. Any goroutine may call Interrupt.
func (vm *VM) Interrupt(why error) {
	vm.guard.Lock()
	defer vm.guard.Unlock()
	if vm.why == nil {
		vm.why = why
	}
	if vm.stop.CompareAndSwap(running, interrupted) {
		vm.timer = time.AfterFunc(starveAfter, func() { vm.stop.CompareAndSwap(interrupted, starved) })
	}
}

// Resume lets scripts run again after an interrupt. Unlike Interrupt it belongs to the goroutine that uses the VM.
func (vm *VM) Resume() {
	vm.guard.Lock()
	defer vm.guard.Unlock()
	if vm.timer != nil {
		vm.timer.Stop()
	}
	if errors.Is(vm.why, ErrMemory) {
		vm.Collect()
	}
	vm.why, vm.timer = nil, nil
	vm.stop.Store(running)
}

// Do runs f with a scope for its values. After a fault of the engine it returns an error, and the VM can only be
// closed.
func (vm *VM) Do(f func() error) (err error) {
	if vm.broken {
		return errors.New("js: the VM is closed or failed before")
	}
	start := vm.open()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		x := recover()
		vm.broken = vm.broken || vm.engine
		vm.leave(start)
		failed, isFailure := x.(failure)
		switch {
		case x == nil:
		case isFailure:
			err = failed.err
		case vm.broken && vm.depth == 0:
			// A panic cut the engine's stack, so its objects may be incomplete.
			err = fmt.Errorf("js: the engine failed: %v\n%s", x, debug.Stack())
		default:
			panic(x)
		}
	}()
	return f()
}

// open opens a scope, which leave closes.
func (vm *VM) open() (start int) {
	vm.depth++
	return len(vm.owned)
}

func (vm *VM) leave(start int) {
	vm.depth--
	if !vm.broken {
		for _, v := range vm.owned[start:] {
			lib.XFreeValue(vm.tls, vm.ctx, v)
		}
	}
	vm.owned = vm.owned[:start]
}

// HeapBytes is how many bytes the engine has allocated.
func (vm *VM) HeapBytes() int64 {
	return int64((*lib.TJSRuntime)(pointer(vm.rt)).Fmalloc_ctx.Fmalloc_state.Fmalloc_size)
}

// Collect frees the objects that are unreachable but refer to each other. The engine does so by itself as well.
func (vm *VM) Collect() { lib.XJS_RunGC(vm.tls, vm.rt) }

// pointer is p as a pointer. The memory is the engine's, which the garbage collector of Go neither moves nor frees.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// code is a top-level function as the engine calls it.
func code(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }
