package beacon

import (
	"encoding/binary"
	"reflect"
)

// typedArray is the bytes of a slice or array of numbers as those of a typed array:
// little-endian, as on every machine that runs a browser. An int or uint has no fixed
// size, and so has no typed array.
func typedArray(v reflect.Value) ([]byte, bool) {
	switch v.Type().Elem().Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
	default:
		return nil, false
	}
	b, err := binary.Append(make([]byte, 0, v.Len()*int(v.Type().Elem().Size())), binary.LittleEndian, v.Interface())
	return b, err == nil
}
