package js

import (
	"errors"
	"fmt"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// A Kind is how a source text is compiled.
type Kind int32

const (
	Script Kind = lib.MJS_EVAL_TYPE_GLOBAL
	Module Kind = lib.MJS_EVAL_TYPE_MODULE
	// Builtin is a strict script whose functions have no source text: their toString returns "[native code]".
	Builtin Kind = lib.MJS_EVAL_TYPE_GLOBAL | lib.MJS_EVAL_FLAG_STRICT | builtin

	builtin = 1 << 16
)

// A Program is a compiled source text. VMs in any goroutine can run it at the same time.
type Program struct {
	name string
	code []byte
}

// Compile compiles the source. The name is for messages. The error is a SyntaxError.
func Compile(name, source string, kind Kind) (p *Program, err error) {
	vm, err := New(Config{})
	if err != nil {
		return nil, err
	}
	defer vm.Close()
	if kind&builtin != 0 {
		lib.XJS_SetStripInfo(vm.tls, vm.rt, lib.MJS_STRIP_SOURCE)
	}
	err = vm.Do(func() error {
		v, err := vm.compile(name, source, kind)
		if err != nil {
			return err
		}
		size := vm.tls.Alloc(8)
		defer vm.tls.Free(8)
		at := lib.XJS_WriteObject(vm.tls, vm.ctx, size, v, lib.MJS_WRITE_OBJ_BYTECODE)
		if at == 0 {
			return vm.exception()
		}
		p = &Program{name, append([]byte(nil), unsafe.Slice((*byte)(pointer(at)), *(*lib.Tsize_t)(pointer(size)))...)}
		return nil
	})
	return p, err
}

// compile returns a function or a module, which the caller frees.
func (vm *VM) compile(name, source string, kind Kind) (lib.TJSValue, error) {
	text := vm.cString(source + "\x00" + name)
	v := lib.XJS_Eval(vm.tls, vm.in(), text, lib.Tsize_t(len(source)), text+uintptr(len(source))+1,
		int32(kind&^builtin)|lib.MJS_EVAL_FLAG_COMPILE_ONLY)
	vm.engine = false
	if tagOf(v) == lib.EJS_TAG_EXCEPTION {
		return v, vm.exception()
	}
	return v, nil
}

// Run runs a program. The value is the script's last one, or a module's promise.
func (vm *VM) Run(p *Program) (Value, error) {
	text := vm.cString(string(p.code))
	v := lib.XJS_ReadObject(vm.tls, vm.ctx, text, lib.Tsize_t(len(p.code)), lib.MJS_READ_OBJ_BYTECODE)
	if tagOf(v) == lib.EJS_TAG_EXCEPTION {
		return Undefined, vm.exception()
	}
	return vm.evaluate(v, p.name)
}

// RunSource compiles and runs a source text.
func (vm *VM) RunSource(name, source string, kind Kind) (Value, error) {
	v, err := vm.compile(name, source, kind)
	if err != nil {
		return Undefined, err
	}
	return vm.evaluate(v, name)
}

func (vm *VM) evaluate(v lib.TJSValue, name string) (Value, error) {
	if tagOf(v) == lib.EJS_TAG_MODULE {
		if lib.XJS_ResolveModule(vm.tls, vm.in(), v) < 0 {
			lib.XFreeValue(vm.tls, vm.ctx, v)
			return Undefined, vm.done(-1)
		}
		if err := vm.setMeta(v, name); err != nil {
			return Undefined, err
		}
	}
	return vm.result(lib.XJS_EvalFunction(vm.tls, vm.in(), v))
}

// setMeta sets import.meta.url of a module.
func (vm *VM) setMeta(module lib.TJSValue, name string) error {
	meta := vm.own(lib.XJS_GetImportMeta(vm.tls, vm.ctx, uintptr(word(module))))
	return vm.Set(meta, "url", vm.String(name))
}

// RunJobs runs the reactions of promises until none is left. failed is called for each exception; promises have
// handled most of them.
func (vm *VM) RunJobs(failed func(error)) error {
	context := vm.tls.Alloc(8)
	defer vm.tls.Free(8)
	for {
		start := vm.open()
		vm.engine = true
		status := lib.XJS_ExecutePendingJob(vm.tls, vm.rt, context)
		err := vm.done(status)
		if err != nil && !errors.Is(err, ErrInterrupted) {
			failed(err)
		}
		vm.leave(start)
		if status == 0 || errors.Is(err, ErrInterrupted) {
			return err
		}
	}
}

// A Deferred is a promise that Go settles, once.
type Deferred struct {
	Promise Value // valid as long as a value that Go got when it made the promise
	vm      *VM
	settle  [2]Value // resolve and reject
}

// NewPromise returns a pending promise.
func (vm *VM) NewPromise() *Deferred {
	d := &Deferred{vm: vm}
	functions := vm.tls.Alloc(2 * argumentSize)
	defer vm.tls.Free(2 * argumentSize)
	d.Promise = vm.own(lib.XJS_NewPromiseCapability(vm.tls, vm.ctx, functions))
	d.settle = *(*[2]Value)(pointer(functions))
	return d
}

// Resolve resolves the promise with v.
func (d *Deferred) Resolve(v Value) error { return d.call(0, v) }

// Reject rejects the promise with the value that a host function throws for err.
func (d *Deferred) Reject(err error) error {
	d.vm.throw(err)
	return d.call(1, d.vm.own(lib.XJS_GetException(d.vm.tls, d.vm.ctx)))
}

func (d *Deferred) call(n int, v Value) error {
	_, err := d.vm.Call(d.settle[n], Undefined, v)
	d.vm.Release(d.settle[0])
	d.vm.Release(d.settle[1])
	d.settle = [2]Value{Undefined, Undefined}
	return err
}

// rejection is how the engine reports a promise that is rejected without a handler, or gets one later.
func rejection(tls *libc.TLS, ctx uintptr, promise, reason lib.TJSValue, handled lib.TBOOL, _ uintptr) {
	vm := vmOfContext(tls, ctx)
	v := vm.host(func() (Value, error) {
		vm.config.Rejection(Value{promise}, Value{reason}, handled != 0)
		return Undefined, nil
	})
	lib.XFreeValue(tls, ctx, v)
}

// resolveModule returns the name of a module in the engine's memory, or 0 after an exception.
func resolveModule(tls *libc.TLS, ctx, base, specifier, _ uintptr) (name uintptr) {
	vm := vmOfContext(tls, ctx)
	v := vm.host(func() (Value, error) {
		from, to := libc.GoString(base), libc.GoString(specifier)
		if vm.config.Resolve != nil {
			var err error
			if to, err = vm.config.Resolve(from, to); err != nil {
				return Undefined, err
			}
		}
		name = lib.Xjs_strdup(tls, ctx, vm.cString(to))
		return Undefined, nil
	})
	lib.XFreeValue(tls, ctx, v)
	return name
}

// loadModule returns the engine's module of that name, or 0 after an exception.
func loadModule(tls *libc.TLS, ctx, name, _ uintptr) (module uintptr) {
	vm := vmOfContext(tls, ctx)
	v := vm.host(func() (Value, error) {
		at := libc.GoString(name)
		if vm.config.Load == nil {
			return Undefined, &Error{"TypeError", fmt.Sprintf("the module %q can't be loaded", at)}
		}
		source, err := vm.config.Load(at)
		if err != nil {
			return Undefined, err
		}
		v, err := vm.compile(at, source, Module)
		if err != nil {
			return Undefined, err
		}
		lib.XFreeValue(tls, ctx, v) // the context refers to the module
		if err := vm.setMeta(v, at); err != nil {
			return Undefined, err
		}
		module = uintptr(word(v))
		return Undefined, nil
	})
	lib.XFreeValue(tls, ctx, v)
	return module
}
