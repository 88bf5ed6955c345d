//go:build 386 || arm

package js

import (
	"math"

	lib "modernc.org/libquickjs"
)

// The engine's representation of a value on 32-bit systems: 64 bits with a tag in the upper half. Any tag that
// the engine does not define belongs to a float64, shifted by floatShift.

const (
	undefined lib.TJSValue = lib.EJS_TAG_UNDEFINED << 32
	null      lib.TJSValue = lib.EJS_TAG_NULL << 32
	exception lib.TJSValue = lib.EJS_TAG_EXCEPTION << 32

	floatShift uint64 = (0x7ff80000 - lib.EJS_TAG_FIRST + 1) << 32
)

func tagOf(v lib.TJSValue) int32 {
	if tag := int32(v >> 32); tag >= lib.EJS_TAG_FIRST && tag < lib.EJS_TAG_FLOAT64 {
		return tag
	}
	return lib.EJS_TAG_FLOAT64
}

func word(v lib.TJSValue) uint64 { return uint64(uint32(v)) }

func floatOf(v lib.TJSValue) float64 { return math.Float64frombits(v + floatShift) }

func fromInt32(tag int64, n int32) lib.TJSValue { return uint64(tag)<<32 | uint64(uint32(n)) }

func fromFloat(n float64) lib.TJSValue {
	if math.IsNaN(n) {
		n = math.Float64frombits(0x7ff8000000000000)
	}
	return math.Float64bits(n) - floatShift
}
