package js

import (
	"math"
	"unsafe"

	lib "modernc.org/libquickjs"
)

// A Value is a value of a VM. The zero Value is not valid.
type Value struct{ v lib.TJSValue }

var (
	Undefined = Value{undefined}
	Null      = Value{null}
)

// Bool returns a Boolean.
func Bool(b bool) Value {
	if b {
		return Value{fromInt32(lib.EJS_TAG_BOOL, 1)}
	}
	return Value{fromInt32(lib.EJS_TAG_BOOL, 0)}
}

// Number returns a Number.
func Number(n float64) Value {
	if i := int32(n); float64(i) == n && (i != 0 || !math.Signbit(n)) {
		return Value{fromInt32(lib.EJS_TAG_INT, i)}
	}
	return Value{fromFloat(n)}
}

func (v Value) IsUndefined() bool { return tagOf(v.v) == lib.EJS_TAG_UNDEFINED }
func (v Value) IsNull() bool      { return tagOf(v.v) == lib.EJS_TAG_NULL }
func (v Value) IsObject() bool    { return tagOf(v.v) == lib.EJS_TAG_OBJECT }
func (v Value) IsString() bool {
	return tagOf(v.v) == lib.EJS_TAG_STRING || tagOf(v.v) == lib.EJS_TAG_STRING_ROPE
}

// Bool returns whether v is true. It converts nothing.
func (v Value) Bool() bool { return tagOf(v.v) == lib.EJS_TAG_BOOL && int32(word(v.v)) != 0 }

// Number returns a Number, and NaN for any other value.
func (v Value) Number() float64 {
	switch tagOf(v.v) {
	case lib.EJS_TAG_INT:
		return float64(int32(word(v.v)))
	case lib.EJS_TAG_FLOAT64:
		return floatOf(v.v)
	}
	return math.NaN()
}

// own gives v to the innermost scope. It panics with a failure if v stands for an exception.
func (vm *VM) own(v lib.TJSValue) Value {
	if tagOf(v) == lib.EJS_TAG_EXCEPTION {
		panic(failure{vm.exception()})
	}
	vm.owned = append(vm.owned, v)
	return Value{v}
}

// A failure is the value of a panic for a missing memory in a function that returns no error. Do or the script that
// called the host function gets the error.
type failure struct{ err error }

// Keep makes v valid until [VM.Release].
func (vm *VM) Keep(v Value) Value { return Value{lib.XDupValue(vm.tls, vm.ctx, v.v)} }

// Release ends the validity of a value that [VM.Keep] returned.
func (vm *VM) Release(v Value) { lib.XFreeValue(vm.tls, vm.ctx, v.v) }

// Global returns the global object.
func (vm *VM) Global() Value { return vm.own(lib.XJS_GetGlobalObject(vm.tls, vm.ctx)) }

// Object returns a new object without properties of its own.
func (vm *VM) Object() Value { return vm.own(lib.XJS_NewObject(vm.tls, vm.ctx)) }

// String returns a String. A surrogate that is encoded as UTF-8 (WTF-8) becomes that code unit; a byte that is not
// UTF-8 becomes U+FFFD.
func (vm *VM) String(s string) Value {
	return vm.own(lib.XJS_NewStringLen(vm.tls, vm.ctx, vm.cString(s), lib.Tsize_t(len(s))))
}

// cString copies s, and a zero byte, to the VM's buffer. The engine copies it before it runs a script.
func (vm *VM) cString(s string) uintptr {
	if len(s) >= vm.capacity {
		vm.heap.UintptrFree(vm.buffer)
		vm.capacity = max(2*len(s), 1024)
		p, err := vm.heap.UintptrMalloc(vm.capacity)
		if err != nil {
			panic(failure{&Error{Class: "RangeError", Message: "out of memory"}})
		}
		vm.buffer = p
	}
	b := unsafe.Slice((*byte)(pointer(vm.buffer)), len(s)+1)
	copy(b, s)
	b[len(s)] = 0
	return vm.buffer
}

// ToString converts v as String(v) does, which may run a script. Code units of surrogates without a pair are encoded
// as if they were characters (WTF-8).
func (vm *VM) ToString(v Value) (string, error) {
	size := vm.tls.Alloc(8)
	defer vm.tls.Free(8)
	p := lib.XJS_ToCStringLen2(vm.tls, vm.in(), size, v.v, 0)
	vm.engine = false
	if p == 0 {
		return "", vm.exception()
	}
	s := string(unsafe.Slice((*byte)(pointer(p)), *(*lib.Tsize_t)(pointer(size))))
	lib.XJS_FreeCString(vm.tls, vm.ctx, p)
	return s, nil
}

// ArrayBuffer returns an ArrayBuffer with a copy of b.
func (vm *VM) ArrayBuffer(b []byte) Value {
	v := vm.own(lib.XJS_NewArrayBufferCopy(vm.tls, vm.ctx, vm.cString(""), 0))
	if len(b) > 0 {
		p := lib.Xjs_malloc(vm.tls, vm.ctx, lib.Tsize_t(len(b)))
		if p == 0 {
			panic(failure{vm.exception()})
		}
		copy(unsafe.Slice((*byte)(pointer(p)), len(b)), b)
		v = vm.own(lib.XJS_NewArrayBuffer(vm.tls, vm.ctx, p, lib.Tsize_t(len(b)), code(freeBuffer), 0, 0))
	}
	return v
}

// Uint8Array returns a Uint8Array with a copy of b.
func (vm *VM) Uint8Array(b []byte) Value {
	buffer := vm.ArrayBuffer(b)
	args := vm.arguments([]Value{buffer, Undefined, Undefined})
	v := lib.XJS_NewTypedArray(vm.tls, vm.ctx, 3, args, lib.EJS_TYPED_ARRAY_UINT8)
	vm.tls.Free(3 * argumentSize)
	return vm.own(v)
}

// Bytes returns the bytes of an ArrayBuffer or of a typed array's part of it, or false for any other value. They are
// the script's own: a script can change or free them once Go returns to it, or calls it.
func (vm *VM) Bytes(v Value) ([]byte, bool) {
	class := lib.XJS_GetClassID(vm.tls, v.v)
	size := vm.tls.Alloc(24)
	defer vm.tls.Free(24)
	read := func(at uintptr) int { return int(*(*lib.Tsize_t)(pointer(size + at))) }
	from, n, buffer := 0, -1, v.v
	if class >= lib.EJS_CLASS_UINT8C_ARRAY && class <= lib.EJS_CLASS_FLOAT64_ARRAY {
		buffer = lib.XJS_GetTypedArrayBuffer(vm.tls, vm.ctx, v.v, size+8, size+16, 0)
		if tagOf(buffer) == lib.EJS_TAG_EXCEPTION {
			vm.exception()
			return nil, false
		}
		defer lib.XFreeValue(vm.tls, vm.ctx, buffer)
		from, n = read(8), read(16)
	} else if class != lib.EJS_CLASS_ARRAY_BUFFER {
		return nil, false
	}
	p := lib.XJS_GetArrayBuffer(vm.tls, vm.ctx, size, buffer)
	if n < 0 {
		n = read(0)
	}
	if p == 0 { // detached, or of length 0
		if lib.XJS_HasException(vm.tls, vm.ctx) != 0 {
			vm.exception()
			return nil, false
		}
		return []byte{}, true
	}
	return unsafe.Slice((*byte)(pointer(p+uintptr(from))), n), true
}

// Get returns the property of the object, or the exception of its getter.
func (vm *VM) Get(o Value, name string) (Value, error) {
	p := vm.cString(name)
	return vm.result(lib.XJS_GetPropertyStr(vm.tls, vm.in(), o.v, p))
}

// Set assigns v to the property of the object.
func (vm *VM) Set(o Value, name string, v Value) error {
	p := vm.cString(name)
	return vm.done(lib.XJS_SetPropertyStr(vm.tls, vm.in(), o.v, p, lib.XDupValue(vm.tls, vm.ctx, v.v)))
}

// Delete deletes the property of the object.
func (vm *VM) Delete(o Value, name string) error {
	atom := lib.XJS_NewAtom(vm.tls, vm.ctx, vm.cString(name))
	defer lib.XJS_FreeAtom(vm.tls, vm.ctx, atom)
	return vm.done(lib.XJS_DeleteProperty(vm.tls, vm.in(), o.v, atom, 0))
}

// Array returns an Array of the values.
func (vm *VM) Array(values ...Value) Value {
	a := vm.own(lib.XJS_NewArray(vm.tls, vm.ctx))
	for n, v := range values {
		if err := vm.done(lib.XJS_DefinePropertyValueUint32(vm.tls, vm.in(), a.v, uint32(n), lib.XDupValue(vm.tls, vm.ctx, v.v), lib.MJS_PROP_C_W_E)); err != nil {
			panic(failure{err})
		}
	}
	return a
}

// BufferKind returns 1 for an ArrayBuffer, 2 for a typed array, 3 for a DataView, 4 for a SharedArrayBuffer, and 0 for
// any other value. Neither the prototype of the object nor its properties matter.
func (vm *VM) BufferKind(v Value) int {
	switch class := lib.XJS_GetClassID(vm.tls, v.v); {
	case class == lib.EJS_CLASS_ARRAY_BUFFER:
		return 1
	case class >= lib.EJS_CLASS_UINT8C_ARRAY && class <= lib.EJS_CLASS_FLOAT64_ARRAY:
		return 2
	case class == lib.EJS_CLASS_DATAVIEW:
		return 3
	case class == lib.EJS_CLASS_SHARED_ARRAY_BUFFER:
		return 4
	}
	return 0
}
