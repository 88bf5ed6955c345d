package page

import (
	"reflect"

	"github.com/dop251/goja"
)

var promiseType = reflect.TypeFor[*goja.Promise]()

// A deferred is a promise that Go settles.
type deferred struct {
	promise goja.Value
	resolve func(goja.Value)
	reject  func(goja.Value)
}

func (rt *realm) newDeferred() (d deferred) {
	d.promise = rt.newPromise(nil, rt.r.ToValue(func(c goja.FunctionCall) goja.Value {
		resolve, _ := callable(c.Argument(0))
		reject, _ := callable(c.Argument(1))
		d.resolve = func(v goja.Value) { resolve(nil, v) }
		d.reject = func(v goja.Value) { reject(nil, v) }
		return nil
	}))
	return d
}

// promiseOf runs f and returns its value as a promise, or what it throws as one.
func (rt *realm) promiseOf(f func() goja.Value) goja.Value {
	var v goja.Value
	if thrown := rt.try(func() { v = f() }); thrown != nil {
		d := rt.newDeferred()
		d.reject(thrown)
		return d.promise
	}
	return rt.promiseFor(v)
}

// promiseFor is WebIDL, "a promise resolved with".
func (rt *realm) promiseFor(v goja.Value) goja.Value {
	if o, ok := v.(*goja.Object); ok && o.ExportType() == promiseType {
		return v
	}
	d := rt.newDeferred()
	d.resolve(v)
	return d.promise
}

// handled keeps a rejection of the promise from being reported.
func (rt *realm) handled(promise goja.Value) { rt.react(promise, nil, nil) }

// react is WebIDL, "react": the functions run as jobs. What they throw is lost.
func (rt *realm) react(promise goja.Value, fulfilled, rejected func(goja.Value)) goja.Value {
	job := func(f func(goja.Value)) goja.Value {
		return rt.r.ToValue(func(c goja.FunctionCall) goja.Value {
			if f != nil {
				f(c.Argument(0))
			}
			return goja.Undefined()
		})
	}
	return rt.then(promise, job(fulfilled), job(rejected))
}

// upon reacts to a promise with one of another value: what f returns or throws.
func (rt *realm) upon(promise goja.Value, f func(goja.Value) goja.Value) goja.Value {
	return rt.then(promise, rt.r.ToValue(func(c goja.FunctionCall) goja.Value { return f(c.Argument(0)) }))
}

// microtask queues f as a microtask.
func (rt *realm) microtask(f func()) {
	rt.react(rt.promiseFor(goja.Undefined()), func(goja.Value) { f() }, nil)
}
