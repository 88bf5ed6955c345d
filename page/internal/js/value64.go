//go:build !(386 || arm)

package js

import (
	"unsafe"

	lib "modernc.org/libquickjs"
)

// The engine's representation of a value on 64-bit systems: a word with a number or a pointer, and a tag.

var (
	undefined = lib.TJSValue{Ftag: lib.EJS_TAG_UNDEFINED}
	null      = lib.TJSValue{Ftag: lib.EJS_TAG_NULL}
	exception = lib.TJSValue{Ftag: lib.EJS_TAG_EXCEPTION}
)

func tagOf(v lib.TJSValue) int32 { return int32(v.Ftag) }

func word(v lib.TJSValue) uint64 { return *(*uint64)(unsafe.Pointer(&v)) }

func floatOf(v lib.TJSValue) float64 { return *(*float64)(unsafe.Pointer(&v)) }

func fromInt32(tag int64, n int32) (v lib.TJSValue) {
	*(*uint64)(unsafe.Pointer(&v)) = uint64(uint32(n))
	v.Ftag = tag
	return v
}

func fromFloat(n float64) (v lib.TJSValue) {
	*(*float64)(unsafe.Pointer(&v)) = n
	v.Ftag = lib.EJS_TAG_FLOAT64
	return v
}
