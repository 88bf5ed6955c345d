package page

import (
	"github.com/dop251/goja"
)

// An iface is an interface of the standards in a realm, with the properties that WebIDL
// gives it ("Interfaces").
type iface struct {
	rt          *realm
	name        string
	ctor, proto *goja.Object
}

// A call is a call of an operation, a constructor or an accessor.
type call struct {
	*realm
	what string // "execute 'append' on 'FormData'", for messages
	this *goja.Object
	args []goja.Value
}

// define makes the interface and its global. A nil construct is "Illegal constructor".
func (rt *realm) define(name, parent string, length int, construct func(c call) any) *iface {
	i := &iface{rt: rt, name: name}
	// A class of JavaScript is what tells a call without new from one with it.
	i.ctor = rt.newClass(nil, rt.r.ToValue(func(c goja.FunctionCall) goja.Value {
		if construct == nil {
			panic(rt.typeError("Illegal constructor"))
		}
		this := c.This.(*goja.Object)
		args := call{rt, "construct '" + name + "'", this, c.Arguments}
		args.need(length)
		rt.stamp(this, construct(args))
		return nil
	})).(*goja.Object)
	i.proto = i.ctor.Get("prototype").(*goja.Object)
	rt.named(i.ctor, name, length)
	must(i.proto.DefineDataPropertySymbol(goja.SymToStringTag, rt.value(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	if p := rt.ifaces[parent]; p != nil {
		must(i.proto.SetPrototype(p.proto))
		must(i.ctor.SetPrototype(p.ctor))
	}
	rt.ifaces[name] = i
	rt.global(name, i.ctor)
	return i
}

// global defines a property of the global object that is writable and not enumerable, as
// an interface object is.
func (rt *realm) global(name string, v goja.Value) {
	if rt.missing != nil && !rt.missing(name) {
		return
	}
	must(rt.r.GlobalObject().DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}

// maxNested is how many functions of the page can call each other by way of scripts. Go
// unwinds such a stack in a time that grows with the square of its depth.
const maxNested = 1000

// function is a function object of that name and length.
func (rt *realm) function(name string, length int, f func(this goja.Value, args []goja.Value) goja.Value) *goja.Object {
	o := rt.r.ToValue(func(c goja.FunctionCall) goja.Value {
		rt.nested++
		defer func() { rt.nested-- }()
		if rt.nested > maxNested {
			panic(rt.newRangeError("Maximum call stack size exceeded"))
		}
		return f(c.This, c.Arguments)
	}).(*goja.Object)
	rt.named(o, name, length)
	return o
}

func (rt *realm) named(f *goja.Object, name string, length int) {
	must(f.DefineDataProperty("name", rt.r.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	must(f.DefineDataProperty("length", rt.r.ToValue(length), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}

// brand is the check of this: its slots must be those of the interface. An undefined this
// is the global object.
func brand[T any](i *iface, this goja.Value) (impl T, o *goja.Object) {
	if this == nil || goja.IsUndefined(this) || goja.IsNull(this) {
		this = i.rt.r.GlobalObject()
	}
	impl, ok := i.rt.implOf(this).(T)
	if !ok {
		panic(i.rt.typeError("Illegal invocation"))
	}
	return impl, this.(*goja.Object)
}

// method defines an operation; length is the number of arguments that it requires.
func method[T any](i *iface, name string, length int, f func(this T, c call) any) {
	what := "execute '" + name + "' on '" + i.name + "'"
	fn := i.rt.function(name, length, func(this goja.Value, args []goja.Value) goja.Value {
		impl, o := brand[T](i, this)
		c := call{i.rt, what, o, args}
		c.need(length)
		return i.rt.value(f(impl, c))
	})
	must(i.proto.DefineDataProperty(name, fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
}

// promised defines an operation that returns a promise, and so never throws.
func promised[T any](i *iface, name string, length int, f func(this T, c call) any) {
	what := "execute '" + name + "' on '" + i.name + "'"
	fn := i.rt.function(name, length, func(this goja.Value, args []goja.Value) goja.Value {
		return i.rt.promiseOf(func() goja.Value {
			impl, o := brand[T](i, this)
			c := call{i.rt, what, o, args}
			c.need(length)
			return i.rt.value(f(impl, c))
		})
	})
	must(i.proto.DefineDataProperty(name, fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
}

// static defines a static operation.
func (i *iface) static(name string, length int, f func(c call) any) {
	what := "execute '" + name + "' on '" + i.name + "'"
	fn := i.rt.function(name, length, func(_ goja.Value, args []goja.Value) goja.Value {
		c := call{i.rt, what, nil, args}
		c.need(length)
		return i.rt.value(f(c))
	})
	must(i.ctor.DefineDataProperty(name, fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
}

// getter defines a readonly attribute.
func getter[T any](i *iface, name string, get func(this T) any) { attribute(i, name, get, nil) }

// attribute defines an attribute; without set it is readonly.
func attribute[T any](i *iface, name string, get func(this T) any, set func(this T, c call)) {
	attributeOn(i, i.proto, name, get, set)
}

// attributeOn defines an attribute on another object than the prototype: those of the
// window are its own ("[Global]").
func attributeOn[T any](i *iface, on *goja.Object, name string, get func(this T) any, set func(this T, c call)) {
	var setter goja.Value
	if set != nil {
		setter = i.rt.function("set "+name, 1, func(this goja.Value, args []goja.Value) goja.Value {
			impl, o := brand[T](i, this)
			c := call{i.rt, "set the '" + name + "' property on '" + i.name + "'", o, args}
			c.need(1)
			set(impl, c)
			return goja.Undefined()
		})
	}
	fn := i.rt.function("get "+name, 0, func(this goja.Value, _ []goja.Value) goja.Value {
		impl, _ := brand[T](i, this)
		return i.rt.value(get(impl))
	})
	must(on.DefineAccessorProperty(name, fn, setter, goja.FLAG_TRUE, goja.FLAG_TRUE))
}

// constant defines a constant, which is on the interface and its prototype.
func (i *iface) constant(name string, v int) {
	for _, o := range []*goja.Object{i.ctor, i.proto} {
		must(o.DefineDataProperty(name, i.rt.value(v), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_TRUE))
	}
}

// must is for the making of interfaces on objects that no script has seen.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
