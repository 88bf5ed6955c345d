package page

import (
	"slices"
	"time"

	"github.com/dop251/goja"
)

// A formData is the slots of a FormData.
type formData struct{ entries []formEntry }

// A formEntry is a string or, if it has an object, a File.
type formEntry struct {
	name, value string
	object      *goja.Object
	file        *blob
}

func (e formEntry) js(rt *realm) goja.Value {
	if e.object != nil {
		return e.object
	}
	return rt.value(e.value)
}

// defineFormData is XMLHttpRequest, "Interface FormData".
func (rt *realm) defineFormData() {
	i := rt.define("FormData", "", 0, func(c call) any {
		if c.given(0) {
			panic(c.fail("parameter 1 is not of type 'HTMLFormElement'."))
		}
		return &formData{}
	})
	method(i, "append", 2, func(f *formData, c call) any {
		f.entries = append(f.entries, c.formEntry())
		return nil
	})
	method(i, "delete", 1, func(f *formData, c call) any {
		name := c.usv(0)
		f.entries = slices.DeleteFunc(f.entries, func(e formEntry) bool { return e.name == name })
		return nil
	})
	method(i, "get", 1, func(f *formData, c call) any {
		if n := f.index(c.usv(0)); n >= 0 {
			return f.entries[n].js(rt)
		}
		return goja.Null()
	})
	method(i, "getAll", 1, func(f *formData, c call) any {
		name, all := c.usv(0), []any{}
		for _, e := range f.entries {
			if e.name == name {
				all = append(all, e.js(rt))
			}
		}
		return rt.r.NewArray(all...)
	})
	method(i, "has", 1, func(f *formData, c call) any { return f.index(c.usv(0)) >= 0 })
	method(i, "set", 2, func(f *formData, c call) any {
		e := c.formEntry()
		n := f.index(e.name)
		if n < 0 {
			f.entries = append(f.entries, e)
			return nil
		}
		f.entries[n] = e
		rest := slices.DeleteFunc(f.entries[n+1:], func(other formEntry) bool { return other.name == e.name })
		f.entries = f.entries[:n+1+len(rest)]
		return nil
	})
	iterable(i, func(f *formData, n int) (key, value goja.Value, ok bool) {
		if n >= len(f.entries) {
			return nil, nil, false
		}
		return rt.value(f.entries[n].name), f.entries[n].js(rt), true
	})
}

func (f *formData) index(name string) int {
	return slices.IndexFunc(f.entries, func(e formEntry) bool { return e.name == name })
}

// formEntry is "create an entry" of the arguments name, value and filename. With three of
// them the value must be a Blob, as only that overload has a filename.
func (c call) formEntry() formEntry {
	b, isBlob := c.implOf(c.arg(1)).(*blob)
	name := c.usv(0)
	if !isBlob {
		if len(c.args) > 2 {
			panic(c.fail("parameter 2 is not of type 'Blob'."))
		}
		return formEntry{name: name, value: c.usv(1)}
	}
	object := c.arg(1).(*goja.Object)
	if c.given(2) {
		object = nil
		b = c.asFile(b, c.usv(2))
	} else if !b.isFile() {
		object = nil
		b = c.asFile(b, "blob")
	}
	if object == nil {
		object = c.make("File", b)
	}
	return formEntry{name: name, object: object, file: b}
}

// asFile is a File of the blob's bytes.
func (rt *realm) asFile(b *blob, name string) *blob {
	info := &fileInfo{name: name, lastModified: time.Now().UnixMilli()}
	if b.isFile() {
		info.lastModified = b.file.lastModified
	}
	return &blob{b.data, b.kind, info}
}
