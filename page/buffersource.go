package page

import (
	"reflect"

	"github.com/dop251/goja"
)

var (
	arrayBufferType = reflect.TypeFor[goja.ArrayBuffer]()
	proxyType       = reflect.TypeFor[goja.Proxy]()
)

// bufferSource returns the bytes that an ArrayBuffer or a view has, which are the
// script's own, and whether v is one. A detached one has none (WebIDL, "get a copy of the
// bytes held by the buffer source"). Objects are known by their slots.
func (rt *realm) bufferSource(v goja.Value) ([]byte, bool) {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil, false
	}
	switch o.ExportType() {
	case arrayBufferType:
		return o.Export().(goja.ArrayBuffer).Bytes(), true
	case proxyType:
		return nil, false
	}
	if !goja.IsUndefined(rt.viewTag(o)) {
		return rt.viewed(o, rt.viewBuffer, rt.viewFrom, rt.viewSize), true
	}
	// A DataView is what its getter doesn't throw for.
	if rt.try(func() { rt.dataBuffer(o) }) != nil {
		return nil, false
	}
	return rt.viewed(o, rt.dataBuffer, rt.dataFrom, rt.dataSize), true
}

func (rt *realm) viewed(o *goja.Object, buffer, offset, length function) []byte {
	b := buffer(o).Export().(goja.ArrayBuffer)
	if b.Detached() {
		return nil
	}
	from := offset(o).ToInteger()
	return b.Bytes()[from : from+length(o).ToInteger()]
}

// newBytes is a Uint8Array of its own.
func (rt *realm) newBytes(b []byte) *goja.Object {
	return rt.construct(rt.uint8Array, rt.r.ToValue(rt.r.NewArrayBuffer(b)))
}

func (rt *realm) isUint8Array(v goja.Value) bool {
	return rt.viewTag(v).String() == "Uint8Array"
}
