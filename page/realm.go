package page

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/dop251/goja"
)

// A realm is one runtime and the interfaces in it. Its methods are called only by the goroutine that runs the
// runtime's JavaScript.
type realm struct {
	r    *goja.Runtime
	page *Page // nil in a runtime of Enable

	agent   string // navigator.userAgent
	cookies bool   // navigator.cookieEnabled
	send    func(url string, data any) (queued bool, err error)

	ifaces map[string]*iface
	// missing reports whether the runtime lacks a global of that name. If it is nil, all are missing.
	missing func(name string) bool

	nested int // how many calls of the page's functions are on the stack

	// These are taken from the runtime before a script can change them.
	getSlot, putSlot               function
	newPromise, then               function
	viewTag                        function
	mapEach, setEach, mapSet       function
	setAdd, dateValue              function
	regExpSource, regExpFlags      function
	primitive                      function
	viewBuffer, viewFrom, viewSize function
	dataBuffer, dataFrom, dataSize function
	parseJSON, stringify           function
	eachProperty, newClass         function
	noop                           goja.Callable
	rangeError, uint8Array         goja.Value
	classes                        map[string]goja.Value // of ECMAScript, by name
	iteratorPrototype              *goja.Object
	errorPrototype                 *goja.Object
}

// A function is a JavaScript function that is called while a script runs. An exception goes through to the
// script, and no microtask runs in between.
type function func(this goja.Value, args ...goja.Value) goja.Value

// callable returns v as a function, or false if it can't be called.
func callable(v goja.Value) (function, bool) {
	f, ok := goja.AssertFunction(v)
	if !ok {
		return nil, false
	}
	if v.ExportType() == functionType {
		direct := v.Export().(func(goja.FunctionCall) goja.Value)
		return func(this goja.Value, args ...goja.Value) goja.Value {
			return direct(goja.FunctionCall{This: this, Arguments: args})
		}, true
	}
	return func(this goja.Value, args ...goja.Value) goja.Value { // a proxy or a class
		v, err := f(this, args...)
		if err != nil {
			panic(err)
		}
		return v
	}, true
}

var functionType = reflect.TypeFor[func(goja.FunctionCall) goja.Value]()

// A slot holds the internal slots of a platform object.
type slot struct{ impl any }

// intrinsics is the script that returns the runtime's own functions. An object has its slots in a private field,
// because:
//
//   - no script can see the field
//   - the object keeps it when a script changes the prototype
//   - a proxy of the object lacks it
//   - the garbage collector follows it
var intrinsics = sync.OnceValue(func() *goja.Program {
	return goja.MustCompile("intrinsics", `(() => {
		class Slot extends function (o) { return o } {
			#impl;
			constructor(o, impl) { super(o); this.#impl = impl }
			static get(o) { return #impl in o ? o.#impl : undefined }
			static put(o, impl) { new Slot(o, impl) }
		}
		const getter = (o, name) => Object.getOwnPropertyDescriptor(o, name).get
		const { apply, ownKeys, getOwnPropertyDescriptor: describe } = Reflect
		const view = Object.getPrototypeOf(Uint8Array.prototype), data = DataView.prototype
		const P = Promise
		const boxes = [Boolean, Number, String, BigInt].map(Box => Box.prototype.valueOf)
		return {
			getSlot: Slot.get, putSlot: Slot.put,
			newPromise(take) { return new P((resolve, reject) => { take(resolve, reject) }) },
			then: Promise.prototype.then,
			viewTag: getter(view, Symbol.toStringTag), viewBuffer: getter(view, "buffer"),
			viewFrom: getter(view, "byteOffset"), viewSize: getter(view, "byteLength"),
			dataBuffer: getter(data, "buffer"),
			dataFrom: getter(data, "byteOffset"), dataSize: getter(data, "byteLength"),
			parseJSON: JSON.parse, stringify: JSON.stringify,
			eachProperty(o, key, value) {
				const keys = ownKeys(o)
				for (let i = 0; i < keys.length; i++) {
					const property = describe(o, keys[i])
					if (property !== undefined && property.enumerable) { key(keys[i]); value(o[keys[i]]) }
				}
			},
			newClass(construct) { return class { constructor() { apply(construct, this, arguments) } } },
			noop() {},
			mapEach: Map.prototype.forEach, setEach: Set.prototype.forEach, mapSet: Map.prototype.set,
			setAdd: Set.prototype.add, dateValue: Date.prototype.valueOf,
			regExpSource: getter(RegExp.prototype, "source"), regExpFlags: getter(RegExp.prototype, "flags"),
			primitive: o => {
				for (let i = 0; i < boxes.length; i++) try { return apply(boxes[i], o, []) } catch {}
			},
			classes: {
				Map, Set, Date, RegExp, Object, DataView,
				Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError,
				Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
				Float32Array, Float64Array, BigInt64Array, BigUint64Array,
			},
			rangeError: RangeError, uint8Array: Uint8Array,
			iteratorPrototype: Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())),
			errorPrototype: Error.prototype,
		}
	})()`, true)
})

func newRealm(r *goja.Runtime) (*realm, error) {
	v, err := r.RunProgram(intrinsics())
	if err != nil {
		return nil, fmt.Errorf("page: a script has changed the runtime's own objects: %w", err)
	}
	taken := v.(*goja.Object)
	rt := &realm{r: r, ifaces: map[string]*iface{}}
	for name, f := range map[string]*function{
		"getSlot": &rt.getSlot, "putSlot": &rt.putSlot, "newPromise": &rt.newPromise, "then": &rt.then, "viewTag": &rt.viewTag,
		"viewBuffer": &rt.viewBuffer, "viewFrom": &rt.viewFrom, "viewSize": &rt.viewSize,
		"dataBuffer": &rt.dataBuffer, "dataFrom": &rt.dataFrom, "dataSize": &rt.dataSize,
		"parseJSON": &rt.parseJSON, "stringify": &rt.stringify, "eachProperty": &rt.eachProperty, "newClass": &rt.newClass,
		"mapEach": &rt.mapEach, "setEach": &rt.setEach, "mapSet": &rt.mapSet, "setAdd": &rt.setAdd, "dateValue": &rt.dateValue,
		"regExpSource": &rt.regExpSource, "regExpFlags": &rt.regExpFlags, "primitive": &rt.primitive,
	} {
		*f, _ = callable(taken.Get(name))
	}
	rt.noop, _ = goja.AssertFunction(taken.Get("noop"))
	rt.rangeError, rt.uint8Array = taken.Get("rangeError"), taken.Get("uint8Array")
	rt.classes = map[string]goja.Value{}
	classes := taken.Get("classes").(*goja.Object)
	for _, name := range classes.Keys() {
		rt.classes[name] = classes.Get(name)
	}
	rt.iteratorPrototype = taken.Get("iteratorPrototype").(*goja.Object)
	rt.errorPrototype = taken.Get("errorPrototype").(*goja.Object)
	return rt, nil
}

// implOf returns the slots that [realm.stamp] gave the object, or nil.
func (rt *realm) implOf(v goja.Value) any {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil
	}
	s, _ := rt.getSlot(nil, o).Export().(*slot)
	if s == nil {
		return nil
	}
	return s.impl
}

func (rt *realm) stamp(o *goja.Object, impl any) {
	rt.putSlot(nil, o, rt.r.ToValue(&slot{impl}))
}

// make returns a new object of the interface without a call of its constructor.
func (rt *realm) make(name string, impl any) *goja.Object {
	o := rt.r.CreateObject(rt.ifaces[name].proto)
	rt.stamp(o, impl)
	return o
}

// try runs f and returns the value that it threw, or nil.
func (rt *realm) try(f func()) (thrown goja.Value) {
	if ex := rt.r.Try(f); ex != nil {
		return ex.Value()
	}
	return nil
}

func (rt *realm) typeError(format string, args ...any) *goja.Object {
	return rt.r.NewTypeError(append([]any{format}, args...)...)
}

func (rt *realm) newRangeError(format string, args ...any) *goja.Object {
	return rt.construct(rt.rangeError, rt.r.ToValue(fmt.Sprintf(format, args...)))
}

func (rt *realm) construct(constructor goja.Value, args ...goja.Value) *goja.Object {
	o, err := rt.r.New(constructor, args...)
	if err != nil {
		panic(err)
	}
	return o
}

// value returns x as a JavaScript value: undefined for nil, null for a nil object.
func (rt *realm) value(x any) goja.Value {
	if x == nil {
		return goja.Undefined()
	}
	if o, ok := x.(*goja.Object); ok && o == nil {
		return goja.Null()
	}
	return rt.r.ToValue(x)
}
