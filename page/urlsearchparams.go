package page

import (
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/dop251/goja"
)

// A searchParams is the slots of a URLSearchParams.
type searchParams struct {
	list   []pair
	update func() // the URL object's, if it has one
}

func (p *searchParams) changed() {
	if p.update != nil {
		p.update()
	}
}

// defineURLSearchParams is URL, "URLSearchParams class".
func (rt *realm) defineURLSearchParams() {
	i := rt.define("URLSearchParams", "", 0, func(c call) any {
		p := &searchParams{}
		if c.given(0) {
			p.list = c.searchInit(c.arg(0))
		}
		return p
	})
	getter(i, "size", func(p *searchParams) any { return len(p.list) })
	method(i, "append", 2, func(p *searchParams, c call) any {
		p.list = append(p.list, pair{c.usv(0), c.usv(1)})
		p.changed()
		return nil
	})
	method(i, "delete", 1, func(p *searchParams, c call) any {
		match := c.pairMatch()
		p.list = slices.DeleteFunc(p.list, match)
		p.changed()
		return nil
	})
	method(i, "get", 1, func(p *searchParams, c call) any {
		name := c.usv(0)
		if n := slices.IndexFunc(p.list, func(q pair) bool { return q.name == name }); n >= 0 {
			return p.list[n].value
		}
		return goja.Null()
	})
	method(i, "getAll", 1, func(p *searchParams, c call) any {
		name, all := c.usv(0), []any{}
		for _, q := range p.list {
			if q.name == name {
				all = append(all, q.value)
			}
		}
		return rt.r.NewArray(all...)
	})
	method(i, "has", 1, func(p *searchParams, c call) any { return slices.ContainsFunc(p.list, c.pairMatch()) })
	method(i, "set", 2, func(p *searchParams, c call) any {
		q := pair{c.usv(0), c.usv(1)}
		if n := slices.IndexFunc(p.list, func(o pair) bool { return o.name == q.name }); n < 0 {
			p.list = append(p.list, q)
		} else {
			p.list[n] = q
			rest := slices.DeleteFunc(p.list[n+1:], func(o pair) bool { return o.name == q.name })
			p.list = p.list[:n+1+len(rest)]
		}
		p.changed()
		return nil
	})
	method(i, "sort", 0, func(p *searchParams, _ call) any {
		slices.SortStableFunc(p.list, func(a, b pair) int { return compareUnits(a.name, b.name) })
		p.changed()
		return nil
	})
	method(i, "toString", 0, func(p *searchParams, _ call) any { return urlEncode(p.list) })
	iterable(i, func(p *searchParams, n int) (key, value goja.Value, ok bool) {
		if n >= len(p.list) {
			return nil, nil, false
		}
		return rt.value(p.list[n].name), rt.value(p.list[n].value), true
	})
}

// pairMatch is the test of has and delete: a name and, if one is given, a value.
func (c call) pairMatch() func(pair) bool {
	name := c.usv(0)
	if !c.given(1) {
		return func(p pair) bool { return p.name == name }
	}
	value := c.usv(1)
	return func(p pair) bool { return p == pair{name, value} }
}

// searchInit is the constructor's union: a sequence of pairs, a record, or a string.
func (c call) searchInit(v goja.Value) (list []pair) {
	o, ok := v.(*goja.Object)
	if !ok {
		return parseURLEncoded(strings.TrimPrefix(c.toString(v).String(), "?"))
	}
	if f := c.iterator(o); f != nil {
		c.iterate(o, f, func(v goja.Value) {
			var p []string
			c.sequence(v, func(v goja.Value) { p = append(p, c.toString(v).String()) })
			if len(p) != 2 {
				panic(c.fail("Sequence initializer must only contain pair elements"))
			}
			list = append(list, pair{p[0], p[1]})
		})
		return list
	}
	var key string
	c.record(o,
		func(v goja.Value) { key = c.toString(v).String() },
		func(v goja.Value) {
			// Two keys that are one after their conversion are one (WebIDL, "record").
			value := c.toString(v).String()
			if n := slices.IndexFunc(list, func(p pair) bool { return p.name == key }); n >= 0 {
				list[n].value = value
			} else {
				list = append(list, pair{key, value})
			}
		})
	return list
}

// compareUnits compares by UTF-16 code units.
func compareUnits(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}
