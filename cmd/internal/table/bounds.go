package table

import (
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// maxBound is the largest size in bytes of a lower or upper bound, which a file has for each page and
// row group. The library writes full values: a few beacons of a megabyte would make the file's footer,
// which every query reads, and the writer's memory many times as large.
const maxBound = 64

// A bounded is a type of byte arrays with short bounds. All else is as in the embedded type.
type bounded struct{ parquet.Type }

func (t bounded) NewColumnBuffer(columnIndex, numValues int) parquet.ColumnBuffer {
	return boundedBuffer{t.Type.NewColumnBuffer(columnIndex, numValues)}
}

func (t bounded) NewDictionary(columnIndex, numValues int, data encoding.Values) parquet.Dictionary {
	return boundedDictionary{t.Type.NewDictionary(columnIndex, numValues, data)}
}

type boundedDictionary struct{ parquet.Dictionary }

func (d boundedDictionary) Type() parquet.Type { return bounded{d.Dictionary.Type()} }

type boundedBuffer struct{ parquet.ColumnBuffer }

func (b boundedBuffer) Page() parquet.Page { return boundedPage{b.ColumnBuffer.Page()} }

type boundedPage struct{ parquet.Page }

func (p boundedPage) Bounds() (least, greatest parquet.Value, ok bool) {
	if least, greatest, ok = p.Page.Bounds(); !ok {
		return least, greatest, false
	}
	if b := least.ByteArray(); len(b) > maxBound {
		least = parquet.ByteArrayValue(prefix(b))
	}
	if b := greatest.ByteArray(); len(b) > maxBound {
		greatest = parquet.ByteArrayValue(after(prefix(b)))
	}
	return least, greatest, true
}

// prefix returns the first bytes of a value that is longer than maxBound. It cuts no character of text.
func prefix(b []byte) []byte {
	for end := maxBound; end > maxBound-utf8.UTFMax; end-- {
		if utf8.Valid(b[:end]) {
			return b[:end:end]
		}
	}
	return b[:maxBound:maxBound]
}

// after returns a value that is greater than all values with the prefix b, and is text where b is text.
// If b has only characters U+10FFFF or only bytes 0xFF, after returns b, which is too low as a bound.
func after(b []byte) []byte {
	if utf8.Valid(b) {
		for end := len(b); end > 0; {
			r, size := utf8.DecodeLastRune(b[:end])
			if end -= size; r == utf8.MaxRune {
				continue
			}
			if r++; r == 0xD800 {
				r = 0xE000 // surrogates are not characters
			}
			return utf8.AppendRune(append([]byte(nil), b[:end]...), r)
		}
		return b
	}
	for end := len(b) - 1; end >= 0; end-- {
		if b[end] < 0xFF {
			return append(append([]byte(nil), b[:end]...), b[end]+1)
		}
	}
	return b
}
