package page

import (
	"bytes"
	"math/big"
	"reflect"
	"slices"

	"github.com/dop251/goja"
)

// maxCloneDepth is how deeply what is cloned can be nested.
const maxCloneDepth = 2000

// A cloning is HTML, "StructuredSerialize" and "StructuredDeserialize" in one.
type cloning struct {
	call
	memory map[*goja.Object]goja.Value
	depth  int
}

// defineStructuredClone is HTML, "Structured cloning", without the transfer of streams.
func (rt *realm) defineStructuredClone() {
	rt.operation("structuredClone", 1, func(c call) any {
		var transfer []goja.Value
		if v := c.dict(1).get("transfer"); v != nil {
			c.sequence(v, func(v goja.Value) {
				if _, ok := v.(*goja.Object); !ok {
					panic(c.fail("an element of transfer is not an object."))
				}
				transfer = append(transfer, v)
			})
		}
		return c.structuredClone(c.arg(0), transfer)
	})
}

func (c call) structuredClone(v goja.Value, transfer []goja.Value) goja.Value {
	k := &cloning{call: c, memory: map[*goja.Object]goja.Value{}}
	var buffers []goja.ArrayBuffer
	for _, v := range transfer {
		o := v.(*goja.Object)
		if o.ExportType() != arrayBufferType || k.memory[o] != nil {
			panic(k.refusal("it can't be transferred"))
		}
		b := o.Export().(goja.ArrayBuffer)
		buffers = append(buffers, b)
		// Until the old one is detached both have the same bytes, and nobody has this one.
		k.memory[o] = c.value(c.r.NewArrayBuffer(b.Bytes()))
	}
	cloned := k.clone(v)
	if slices.ContainsFunc(buffers, goja.ArrayBuffer.Detached) {
		panic(k.refusal("it can't be transferred: it is detached"))
	}
	for _, b := range buffers {
		b.Detach()
	}
	return cloned
}

func (k *cloning) refusal(why string) *goja.Object {
	return k.domError("DataCloneError", "Failed to %s: %s.", k.what, why)
}

func (k *cloning) clone(v goja.Value) goja.Value {
	if _, symbol := v.(*goja.Symbol); symbol {
		panic(k.refusal("a Symbol could not be cloned"))
	}
	o, ok := v.(*goja.Object)
	if !ok {
		return v
	}
	if known := k.memory[o]; known != nil {
		return known
	}
	if k.depth++; k.depth > maxCloneDepth {
		panic(k.newRangeError("Maximum call stack size exceeded"))
	}
	defer func() { k.depth-- }()
	if o.ExportType() == proxyType {
		panic(k.refusal("a Proxy could not be cloned"))
	}
	if impl := k.implOf(o); impl != nil {
		return k.keep(o, k.platformObject(impl))
	}
	if b, ok := k.bufferSource(o); ok {
		return k.buffer(o, b)
	}
	switch class := kind(o); class {
	case "Boolean", "Number", "String", "BigInt":
		return k.keep(o, k.construct(k.classes["Object"], k.primitive(nil, o)))
	case "Date":
		return k.keep(o, k.construct(k.classes["Date"], k.dateValue(o)))
	case "RegExp":
		return k.keep(o, k.construct(k.classes["RegExp"], k.regExpSource(o), k.regExpFlags(o)))
	case "Error":
		return k.error(o)
	case "Map":
		to := k.keep(o, k.construct(k.classes["Map"]))
		var entries []goja.Value // as they were before a getter ran
		k.mapEach(o, k.each(func(v, key goja.Value) { entries = append(entries, key, v) }))
		for entry := range slices.Chunk(entries, 2) {
			k.mapSet(to, k.clone(entry[0]), k.clone(entry[1]))
		}
		return to
	case "Set":
		to := k.keep(o, k.construct(k.classes["Set"]))
		var members []goja.Value
		k.setEach(o, k.each(func(v, _ goja.Value) { members = append(members, v) }))
		for _, v := range members {
			k.setAdd(to, k.clone(v))
		}
		return to
	case "Array":
		to := k.r.NewArray()
		must(to.Set("length", o.Get("length")))
		return k.properties(o, to)
	case "Object", "Arguments":
		return k.properties(o, k.r.NewObject())
	default:
		panic(k.refusal("a " + class + " could not be cloned"))
	}
}

var (
	mapType    = reflect.TypeFor[[][2]any]()
	setType    = reflect.TypeFor[[]any]()
	bigIntType = reflect.TypeFor[*big.Int]()
)

// kind is the class of an object of ECMAScript. goja calls many an Object; of those
// WeakMaps, WeakSets and iterators can't be told from one.
func kind(o *goja.Object) string {
	class := o.ClassName()
	if class != "Object" {
		return class
	}
	switch o.ExportType() {
	case mapType:
		return "Map"
	case setType:
		return "Set"
	case bigIntType:
		return "BigInt"
	case promiseType:
		return "Promise"
	}
	return class
}

func (k *cloning) keep(o, cloned *goja.Object) *goja.Object {
	k.memory[o] = cloned
	return cloned
}

func (k *cloning) each(f func(v, key goja.Value)) goja.Value {
	return k.r.ToValue(func(c goja.FunctionCall) goja.Value { f(c.Argument(0), c.Argument(1)); return nil })
}

// properties clones the own enumerable properties whose keys are strings.
func (k *cloning) properties(o, to *goja.Object) *goja.Object {
	k.keep(o, to)
	for _, key := range o.Keys() {
		if v := o.Get(key); v != nil {
			must(to.DefineDataProperty(key, k.clone(v), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
		}
	}
	return to
}

// platformObject clones what is serializable of the standards' interfaces.
func (k *cloning) platformObject(impl any) *goja.Object {
	switch impl := impl.(type) {
	case *blob:
		if impl.isFile() {
			return k.make("File", impl)
		}
		return k.make("Blob", impl) // its bytes don't change
	case *domException:
		if impl.quota != nil {
			return k.make("QuotaExceededError", impl)
		}
		return k.make("DOMException", impl)
	}
	panic(k.refusal("the object could not be cloned"))
}

func (k *cloning) buffer(o *goja.Object, b []byte) *goja.Object {
	if o.ExportType() == arrayBufferType {
		if o.Export().(goja.ArrayBuffer).Detached() {
			panic(k.refusal("an ArrayBuffer is detached and could not be cloned"))
		}
		return k.keep(o, k.value(k.r.NewArrayBuffer(bytes.Clone(b))).(*goja.Object))
	}
	if tag := k.viewTag(o); !goja.IsUndefined(tag) {
		class := k.classes[tag.String()]
		buffer := k.clone(k.viewBuffer(o))
		n := k.viewSize(o).ToInteger() / class.(*goja.Object).Get("BYTES_PER_ELEMENT").ToInteger()
		return k.keep(o, k.construct(class, buffer, k.viewFrom(o), k.value(n)))
	}
	buffer := k.clone(k.dataBuffer(o))
	return k.keep(o, k.construct(k.classes["DataView"], buffer, k.dataFrom(o), k.dataSize(o)))
}

// error clones an Error: its name, if it is one of ECMAScript's, and its message.
func (k *cloning) error(o *goja.Object) *goja.Object {
	name := "Error"
	if v := o.Get("name"); v != nil {
		switch s := k.toString(v).String(); s {
		case "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError":
			name = s
		}
	}
	var args []goja.Value
	if slices.Contains(o.GetOwnPropertyNames(), "message") {
		args = append(args, k.toString(o.Get("message")))
	}
	return k.keep(o, k.construct(k.classes[name], args...))
}
