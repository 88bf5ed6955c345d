package page

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon"
)

// A realm is one runtime and the interfaces in it. All its methods are for the goroutine
// that runs the runtime's JavaScript.
type realm struct {
	r      *goja.Runtime
	nav    *beacon.Navigator
	page   *Page // nil where the runtime is somebody else's
	ifaces map[string]*iface
	// missing is whether the runtime has no global of that name; nil is none has.
	missing func(name string) bool

	nested int // calls of the page's functions

	// What is taken from the runtime before a script can change it.
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

// A function is one of JavaScript, called from JavaScript: what it throws goes through to
// the script that is running, and no microtask runs in between.
type function func(this goja.Value, args ...goja.Value) goja.Value

// callable returns v as a function, if it is one.
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

// The slots are a private field that is stamped on an object: no script can see it, a
// prototype that is changed doesn't lose it, a proxy doesn't have it, and the garbage
// collector follows it.
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

func newRealm(r *goja.Runtime, nav *beacon.Navigator) (*realm, error) {
	v, err := r.RunProgram(intrinsics())
	if err != nil {
		return nil, fmt.Errorf("page: this runtime's own objects are not as they were: %w", err)
	}
	taken := v.(*goja.Object)
	rt := &realm{r: r, nav: nav, ifaces: map[string]*iface{}}
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

// implOf returns what [realm.stamp] gave the object, or nil.
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

// make is an object of the interface, made by the page and not by a script's constructor.
func (rt *realm) make(name string, impl any) *goja.Object {
	o := rt.r.CreateObject(rt.ifaces[name].proto)
	rt.stamp(o, impl)
	return o
}

// try runs f and returns the value that it threw, if it threw one.
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

// value is x as JavaScript has it; nil is undefined.
func (rt *realm) value(x any) goja.Value {
	if x == nil {
		return goja.Undefined()
	}
	if o, ok := x.(*goja.Object); ok && o == nil {
		return goja.Null()
	}
	return rt.r.ToValue(x)
}
