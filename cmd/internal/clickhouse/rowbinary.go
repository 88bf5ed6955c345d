package clickhouse

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/google/uuid"
)

// The functions of this file append values in ClickHouse's format RowBinary. A value of a type Nullable(T) has a byte
// before it, which is 1 for NULL, and then nothing follows. LowCardinality(T) is written as T.

func appendUUID(b []byte, id uuid.UUID) []byte {
	b = binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(id[:8]))
	return binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(id[8:]))
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendInt64(b []byte, n int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(n)) }

func appendFloat64(b []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
}

// stringOf returns b as a string without a copy. b must not change as long as the string is used.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// The range of DateTime64, in microseconds since 1970: the years 1900 to 2261.
const (
	leastTime    = -2208988800 * 1e6
	greatestTime = 9214646400 * 1e6
)

// inRange returns the nearest time that the type DateTime64 has.
func inRange(micros int64) int64 { return min(max(micros, leastTime), greatestTime) }
