package js

import (
	"errors"
	"fmt"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// A Func is a host function: Go code that JavaScript calls. It must not keep args. The error is thrown: the value of
// an [*Exception], an object of the class of an [*Error], or what Config.ErrorValue returns.
type Func func(this Value, args []Value) (Value, error)

// An Error is thrown by JavaScript as an object of the class, such as "TypeError".
type Error struct{ Class, Message string }

func (e *Error) Error() string { return e.Class + ": " + e.Message }

// An Exception is a value that JavaScript threw.
type Exception struct {
	Value   Value  // valid as long as a value that Go got when it got the Exception
	Message string // String(Value)
	Stack   string // one line a call; empty if Value is not an Error
}

func (e *Exception) Error() string { return e.Message }

// in returns the context for a call of the engine, and marks that the engine runs.
func (vm *VM) in() uintptr {
	vm.engine = true
	return vm.ctx
}

// result returns what the engine returned, or the exception.
func (vm *VM) result(v lib.TJSValue) (Value, error) {
	if err := vm.done(-btoi(tagOf(v) == lib.EJS_TAG_EXCEPTION)); err != nil {
		return Undefined, err
	}
	return vm.own(v), nil
}

func btoi(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// done is for calls of the engine that return a negative number after an exception.
func (vm *VM) done(status int32) error {
	vm.engine = false
	if x := vm.panicked; x != nil {
		vm.panicked = nil
		lib.XFreeValue(vm.tls, vm.ctx, lib.XJS_GetException(vm.tls, vm.ctx))
		panic(x)
	}
	if status < 0 {
		return vm.exception()
	}
	if vm.stop.Load() != running {
		return vm.ended() // also if a promise took the exception
	}
	return nil
}

func (vm *VM) ended() error {
	vm.guard.Lock()
	defer vm.guard.Unlock()
	if vm.why == nil { // Resume was called meanwhile
		return ErrInterrupted
	}
	return fmt.Errorf("%w: %w", ErrInterrupted, vm.why)
}

// exception takes the pending exception from the engine.
func (vm *VM) exception() error {
	v := lib.XJS_GetException(vm.tls, vm.ctx)
	if vm.stop.Load() != running {
		lib.XFreeValue(vm.tls, vm.ctx, v)
		return vm.ended()
	}
	return vm.NewException(vm.own(v))
}

// NewException returns an error that throws v.
func (vm *VM) NewException(v Value) *Exception {
	e := &Exception{Value: v}
	var err error
	if e.Message, err = vm.ToString(v); err != nil {
		e.Message = "an exception that can't be converted to a string"
	}
	if v.IsObject() && lib.XJS_IsError(vm.tls, vm.ctx, v.v) != 0 {
		if stack, err := vm.Get(v, "stack"); err == nil && stack.IsString() {
			e.Stack, _ = vm.ToString(stack)
		}
	}
	return e
}

// throw makes err the pending exception.
func (vm *VM) throw(err error) lib.TJSValue {
	v, ok := Undefined, false
	var thrown *Exception
	var class *Error
	switch {
	case errors.Is(err, ErrInterrupted):
		return vm.throwUncatchable()
	case errors.As(err, &thrown):
		v, ok = thrown.Value, true
	case errors.As(err, &class):
		v, ok = vm.newError(class.Class, class.Message), true
	case vm.config.ErrorValue != nil:
		v, ok = vm.config.ErrorValue(err)
	}
	if !ok {
		v = vm.newError("Error", err.Error())
	}
	return lib.XJS_Throw(vm.tls, vm.ctx, lib.XDupValue(vm.tls, vm.ctx, v.v))
}

// throwUncatchable makes an exception that ends all scripts up to the Go code that called them.
func (vm *VM) throwUncatchable() lib.TJSValue {
	lib.XJS_ThrowInternalError(vm.tls, vm.ctx, vm.cString("interrupted"), 0)
	lib.XJS_SetUncatchableException(vm.tls, vm.ctx, 1)
	return exception
}

func (vm *VM) newError(class, message string) Value {
	c, ok := vm.classes[class]
	if !ok {
		c = vm.classes["Error"]
	}
	args := vm.arguments([]Value{vm.String(message)})
	v := lib.XJS_CallConstructor(vm.tls, vm.ctx, c.v, 1, args)
	vm.tls.Free(argumentSize)
	return vm.own(v)
}

const argumentSize = int(unsafe.Sizeof(Value{}))

// arguments copies args to the engine's stack. The caller frees len(args) times argumentSize.
func (vm *VM) arguments(args []Value) uintptr {
	p := vm.tls.Alloc(len(args) * argumentSize)
	copy(unsafe.Slice((*Value)(pointer(p)), len(args)), args)
	return p
}

// Call calls the function.
func (vm *VM) Call(fn, this Value, args ...Value) (Value, error) {
	p := vm.arguments(args)
	defer vm.tls.Free(len(args) * argumentSize)
	return vm.result(lib.XJS_Call(vm.tls, vm.in(), fn.v, this.v, int32(len(args)), p))
}

// Func returns a function that calls f. length is its property of that name.
func (vm *VM) Func(length int, f Func) Value {
	data := vm.arguments([]Value{vm.Host(f)})
	defer vm.tls.Free(argumentSize)
	return vm.own(lib.XJS_NewCFunctionData(vm.tls, vm.ctx, code(callHost), int32(length), 0, 1, data))
}

// callHost is how the engine calls a host function.
func callHost(tls *libc.TLS, ctx uintptr, this lib.TJSValue, argc int32, argv uintptr, _ int32, data uintptr) (r lib.TJSValue) {
	vm := vmOfContext(tls, ctx)
	f := vm.HostOf(*(*Value)(pointer(data))).(Func)
	return vm.host(func() (Value, error) {
		return f(Value{this}, unsafe.Slice((*Value)(pointer(argv)), argc))
	})
}

// host runs Go code that the engine called, and returns its value or throws its error.
func (vm *VM) host(f func() (Value, error)) (r lib.TJSValue) {
	start := vm.open()
	vm.engine = false
	defer func() {
		if x := recover(); x != nil {
			vm.broken = vm.broken || vm.engine
			if failed, ok := x.(failure); ok {
				r = vm.throw(failed.err)
			} else if vm.broken {
				panic(x)
			} else {
				vm.panicked, r = x, vm.throwUncatchable()
			}
		}
		vm.leave(start)
		vm.engine = true
	}()
	v, err := f()
	switch {
	case err != nil:
		return vm.throw(err)
	case vm.stop.Load() != running:
		return vm.throwUncatchable()
	}
	return lib.XDupValue(vm.tls, vm.ctx, v.v)
}

// Host returns an object that refers to x, without properties. x is free for the garbage collector of Go when the
// script has no reference to the object.
func (vm *VM) Host(x any) Value {
	v := vm.own(lib.XJS_NewObjectClass(vm.tls, vm.ctx, int32(hostClass())))
	n := len(vm.hosts)
	if last := len(vm.freed) - 1; last >= 0 {
		n, vm.freed = vm.freed[last], vm.freed[:last]
		vm.hosts[n] = x
	} else {
		vm.hosts = append(vm.hosts, x)
	}
	lib.XJS_SetOpaque(vm.tls, v.v, uintptr(n)+1)
	return v
}

// HostOf returns the Go value of an object that [VM.Host] returned, or nil.
func (vm *VM) HostOf(v Value) any {
	if n := lib.XJS_GetOpaque(vm.tls, v.v, hostClass()); n != 0 {
		return vm.hosts[n-1]
	}
	return nil
}

// finalize frees the Go value of an object that the engine frees.
func finalize(tls *libc.TLS, rt uintptr, v lib.TJSValue) {
	if n := lib.XJS_GetOpaque(tls, v, hostClass()); n != 0 {
		vm := vmOf(lib.XJS_GetRuntimeOpaque(tls, rt))
		vm.hosts[n-1] = nil
		vm.freed = append(vm.freed, int(n-1))
	}
}

func freeBuffer(tls *libc.TLS, rt, _, p uintptr) { lib.Xjs_free_rt(tls, rt, p) }

// poll is called by the engine every few thousand function calls and loops.
func poll(_ *libc.TLS, _, id uintptr) int32 { return btoi(vmOf(id).stop.Load() != running) }
