package page

import (
	"bytes"
	"runtime"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// A blob is the slots of a Blob or a File. Its bytes don't change.
type blob struct {
	data []byte
	kind string
	file *fileInfo // nil if it is no File
}

type fileInfo struct {
	name         string
	lastModified int64
}

func (b *blob) isFile() bool { return b != nil && b.file != nil }

// A file is a blob that is a File, for the brand check.
type file interface{ fileSlots() *fileInfo }

func (b *blob) fileSlots() *fileInfo { return b.file }

// defineBlob is File API, "The Blob Interface and Binary Data".
func (rt *realm) defineBlob() {
	i := rt.define("Blob", "", 0, func(c call) any {
		var parts []blobPart
		if c.given(0) {
			parts = c.blobParts(c.arg(0))
		}
		native, kind := c.blobOptions(c.dict(1))
		return &blob{data: joinParts(parts, native), kind: kind}
	})
	getter(i, "size", func(b *blob) any { return len(b.data) })
	getter(i, "type", func(b *blob) any { return b.kind })
	method(i, "slice", 0, func(b *blob, c call) any {
		size := int64(len(b.data))
		at := func(i int, otherwise int64) int64 {
			if !c.given(i) {
				return otherwise
			}
			n := c.clamp(c.arg(i))
			if n < 0 {
				return max(size+n, 0)
			}
			return min(n, size)
		}
		from, to, kind := at(0, 0), at(1, size), ""
		if c.given(2) {
			kind = normalType(c.dom(2))
		}
		return rt.make("Blob", &blob{data: b.data[from:max(from, to)], kind: kind})
	})
	method(i, "stream", 0, func(b *blob, _ call) any { return rt.newByteStream(b.data) })
	promised(i, "text", 0, func(b *blob, _ call) any { return decodeUTF8(b.data) })
	promised(i, "arrayBuffer", 0, func(b *blob, _ call) any { return rt.r.NewArrayBuffer(bytes.Clone(b.data)) })
	promised(i, "bytes", 0, func(b *blob, _ call) any { return rt.newBytes(bytes.Clone(b.data)) })
}

// defineFile is File API, "The File Interface".
func (rt *realm) defineFile() {
	i := rt.define("File", "Blob", 2, func(c call) any {
		parts := c.blobParts(c.arg(0))
		name := c.usv(1)
		options := c.dict(2)
		native, kind := c.blobOptions(options)
		info := &fileInfo{name: name, lastModified: time.Now().UnixMilli()}
		if v := options.get("lastModified"); v != nil {
			info.lastModified = c.integer(v, 64)
		}
		return &blob{joinParts(parts, native), kind, info}
	})
	info := func(f file) *fileInfo {
		if f.fileSlots() == nil {
			panic(rt.typeError("Illegal invocation"))
		}
		return f.fileSlots()
	}
	getter(i, "name", func(f file) any { return info(f).name })
	getter(i, "lastModified", func(f file) any { return info(f).lastModified })
	getter(i, "webkitRelativePath", func(f file) any { info(f); return "" })
}

// A blobPart is one of a BufferSource, a Blob and a string.
type blobPart struct {
	bytes  []byte
	isText bool
}

func (c call) blobParts(v goja.Value) (parts []blobPart) {
	c.sequence(v, func(v goja.Value) {
		if b, ok := c.implOf(v).(*blob); ok {
			parts = append(parts, blobPart{bytes: b.data})
		} else if b, ok := c.bufferSource(v); ok {
			parts = append(parts, blobPart{bytes: b})
		} else {
			parts = append(parts, blobPart{bytes: []byte(c.toString(v).String()), isText: true})
		}
	})
	return parts
}

func (c call) blobOptions(d dict) (native bool, kind string) {
	native = d.enum("endings", "transparent", "transparent", "native") == "native"
	if v := d.get("type"); v != nil {
		kind = normalType(c.toString(v))
	}
	return native, kind
}

// joinParts is File API, "process blob parts". The bytes are copied.
func joinParts(parts []blobPart, native bool) []byte {
	data := []byte{}
	for _, p := range parts {
		if p.isText && native {
			data = append(data, nativeEndings(string(p.bytes))...)
		} else {
			data = append(data, p.bytes...)
		}
	}
	return data
}

// nativeEndings is File API, "convert line endings to native".
func nativeEndings(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	if runtime.GOOS == "windows" {
		s = strings.ReplaceAll(s, "\n", "\r\n")
	}
	return s
}

// normalType is a blob's type as its constructor keeps it.
func normalType(s goja.String) string {
	t := s.String()
	for i := range len(t) {
		if t[i] < 0x20 || t[i] > 0x7e {
			return ""
		}
	}
	return strings.ToLower(t)
}
