package page

import (
	"net/http"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
)

// A headers is the slots of a Headers.
type headers struct {
	list  []pair // names as they were given, values as bytes
	guard guard
}

type guard int

const (
	guardNone guard = iota
	guardImmutable
	guardRequest
	guardNoCORS
	guardResponse
)

// defineHeaders is Fetch, "Headers class".
func (rt *realm) defineHeaders() {
	i := rt.define("Headers", "", 0, func(c call) any {
		h := &headers{}
		if c.given(0) {
			h.fill(c, c.headersInit(c.arg(0)))
		}
		return h
	})
	method(i, "append", 2, func(h *headers, c call) any {
		h.append(c, c.byteString(c.arg(0)), c.byteString(c.arg(1)))
		return nil
	})
	method(i, "delete", 1, func(h *headers, c call) any {
		name := c.byteString(c.arg(0))
		if h.validate(c, name, "") && !(h.guard == guardNoCORS && !fetchrules.IsNoCORSName(name) && !strings.EqualFold(name, "range")) {
			h.delete(name)
		}
		return nil
	})
	method(i, "get", 1, func(h *headers, c call) any {
		if v, ok := h.get(c.headerName(c.byteString(c.arg(0)))); ok {
			return rt.latin(v)
		}
		return goja.Null()
	})
	method(i, "getSetCookie", 0, func(h *headers, _ call) any {
		all := []any{}
		for _, p := range h.list {
			if strings.EqualFold(p.name, "set-cookie") {
				all = append(all, rt.latin(p.value))
			}
		}
		return rt.r.NewArray(all...)
	})
	method(i, "has", 1, func(h *headers, c call) any {
		_, ok := h.get(c.headerName(c.byteString(c.arg(0))))
		return ok
	})
	method(i, "set", 2, func(h *headers, c call) any {
		name, value := c.byteString(c.arg(0)), fetchrules.NormalizeValue(c.byteString(c.arg(1)))
		if h.validate(c, name, value) && !(h.guard == guardNoCORS && !fetchrules.IsNoCORSHeader(name, value)) {
			h.set(name, value)
		}
		return nil
	})
	iterable(i, func(h *headers, n int) (key, value goja.Value, ok bool) {
		list := h.sorted()
		if n >= len(list) {
			return nil, nil, false
		}
		return rt.value(list[n].name), rt.latin(list[n].value), true
	})
}

// headersInit is the conversion to HeadersInit: a sequence of pairs or a record.
func (c call) headersInit(v goja.Value) (list []pair) {
	o, ok := v.(*goja.Object)
	if !ok {
		panic(c.fail("The provided value is not of type '(record<ByteString, ByteString> or sequence<sequence<ByteString>>)'."))
	}
	if f := c.iterator(o); f != nil {
		c.iterate(o, f, func(v goja.Value) {
			var p []string
			c.sequence(v, func(v goja.Value) { p = append(p, c.byteString(v)) })
			if len(p) != 2 {
				panic(c.fail("Invalid value"))
			}
			list = append(list, pair{p[0], p[1]})
		})
		return list
	}
	c.record(o,
		func(v goja.Value) { list = append(list, pair{name: c.byteString(v)}) },
		func(v goja.Value) { list[len(list)-1].value = c.byteString(v) })
	return list
}

func (h *headers) fill(c call, list []pair) {
	for _, p := range list {
		h.append(c, p.name, p.value)
	}
}

func (h *headers) append(c call, name, value string) {
	value = fetchrules.NormalizeValue(value)
	if !h.validate(c, name, value) {
		return
	}
	if h.guard == guardNoCORS {
		whole := value
		if had, ok := h.get(name); ok {
			whole = had + ", " + value
		}
		if !fetchrules.IsNoCORSHeader(name, whole) {
			return
		}
	}
	h.list = append(h.list, pair{h.cased(name), value})
}

// cased is the name as the list has it already.
func (h *headers) cased(name string) string {
	for _, p := range h.list {
		if strings.EqualFold(p.name, name) {
			return p.name
		}
	}
	return name
}

func (h *headers) delete(name string) {
	h.list = slices.DeleteFunc(h.list, func(p pair) bool { return strings.EqualFold(p.name, name) })
}

func (h *headers) set(name, value string) {
	name = h.cased(name)
	n := slices.IndexFunc(h.list, func(p pair) bool { return p.name == name })
	h.list = slices.DeleteFunc(h.list, func(p pair) bool { return p.name == name })
	if n < 0 {
		n = len(h.list)
	}
	h.list = slices.Insert(h.list, n, pair{name, value})
}

func (h *headers) get(name string) (string, bool) {
	var all []string
	for _, p := range h.list {
		if strings.EqualFold(p.name, name) {
			all = append(all, p.value)
		}
	}
	return strings.Join(all, ", "), len(all) > 0
}

// sorted is "sort and combine".
func (h *headers) sorted() (list []pair) {
	seen := map[string]bool{}
	for _, p := range h.list {
		name := strings.ToLower(p.name)
		if name == "set-cookie" {
			list = append(list, pair{name, p.value})
		} else if !seen[name] {
			seen[name] = true
			value, _ := h.get(name)
			list = append(list, pair{name, value})
		}
	}
	slices.SortStableFunc(list, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	return list
}

// header is the list as net/http has it.
func (h *headers) header() http.Header {
	out := http.Header{}
	for _, p := range h.list {
		out.Add(p.name, p.value)
	}
	return out
}

// headerName is the check of a name.
func (c call) headerName(name string) string {
	if !fetchrules.IsToken(name) {
		panic(c.fail("Invalid name"))
	}
	return name
}

// validate throws for what is no header, and returns whether the guard lets it in
// ("validate").
func (h *headers) validate(c call, name, value string) bool {
	c.headerName(name)
	if !fetchrules.IsHeaderValue(value) {
		panic(c.fail("Invalid value"))
	}
	switch h.guard {
	case guardImmutable:
		panic(c.fail("Headers are immutable"))
	case guardRequest, guardNoCORS:
		return !fetchrules.IsForbiddenHeader(name, value)
	case guardResponse:
		return !fetchrules.IsForbiddenResponseName(name)
	}
	return true
}
