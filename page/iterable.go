package page

import "github.com/dop251/goja"

// A pairIterator is the slots of an iterator over pairs (WebIDL, "Default iterator
// objects"). It sees what is added while it runs.
type pairIterator struct {
	of   string // the interface, which the brand check of next wants to be its own
	pair func(n int) (key, value goja.Value, ok bool)
	kind string
	n    int
}

// iterable declares iterable<key, value>: entries, keys, values, forEach and @@iterator.
func iterable[T any](i *iface, pair func(this T, n int) (key, value goja.Value, ok bool)) {
	rt := i.rt
	proto := rt.r.CreateObject(rt.iteratorPrototype)
	next := rt.function("next", 0, func(this goja.Value, _ []goja.Value) goja.Value {
		it, ok := rt.implOf(this).(*pairIterator)
		if !ok || it.of != i.name {
			panic(rt.typeError("Illegal invocation"))
		}
		return it.next(rt)
	})
	must(proto.DefineDataProperty("next", next, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
	must(proto.DefineDataPropertySymbol(goja.SymToStringTag, rt.value(i.name+" Iterator"), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	for _, kind := range []string{"entries", "keys", "values"} {
		method(i, kind, 0, func(this T, _ call) any {
			o := rt.r.CreateObject(proto)
			rt.stamp(o, &pairIterator{i.name, func(n int) (k, v goja.Value, ok bool) { return pair(this, n) }, kind, 0})
			return o
		})
	}
	method(i, "forEach", 1, func(this T, c call) any {
		f, ok := callable(c.arg(0))
		if !ok {
			panic(c.fail("parameter 1 is not of type 'Function'."))
		}
		for n := 0; ; n++ {
			key, value, ok := pair(this, n)
			if !ok {
				return nil
			}
			f(c.arg(1), value, key, c.this)
		}
	})
	must(i.proto.DefineDataPropertySymbol(goja.SymIterator, i.proto.Get("entries"), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}

func (it *pairIterator) next(rt *realm) goja.Value {
	result := rt.r.NewObject()
	key, value, ok := it.pair(it.n)
	switch {
	case !ok:
		it.pair = func(int) (k, v goja.Value, ok bool) { return nil, nil, false }
		value = goja.Undefined()
	case it.kind == "keys":
		value = key
	case it.kind == "entries":
		value = rt.r.NewArray(key, value)
	}
	it.n++
	must(result.Set("value", value))
	must(result.Set("done", !ok))
	return result
}
