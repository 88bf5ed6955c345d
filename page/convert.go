package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/dop251/goja"
)

// need is the check of the number of arguments.
func (c call) need(n int) {
	if len(c.args) < n {
		s := "s"
		if n == 1 {
			s = ""
		}
		panic(c.fail("%d argument%s required, but only %d present.", n, s, len(c.args)))
	}
}

// fail is a TypeError that says what failed.
func (c call) fail(format string, args ...any) *goja.Object {
	return c.typeError("Failed to %s: %s", c.what, fmt.Sprintf(format, args...))
}

func (c call) arg(i int) goja.Value {
	if i < len(c.args) {
		return c.args[i]
	}
	return goja.Undefined()
}

// given is whether an optional argument is there.
func (c call) given(i int) bool { return !goja.IsUndefined(c.arg(i)) }

// usv is the conversion to a USVString: what is no character becomes U+FFFD.
func (c call) usv(i int) string { return c.toString(c.arg(i)).String() }

// dom is the conversion to a DOMString, whose lone surrogates stay.
func (c call) dom(i int) goja.String { return c.toString(c.arg(i)) }

// toString is ECMAScript, "ToString".
func (rt *realm) toString(v goja.Value) goja.String {
	if s, ok := v.(goja.String); ok {
		return s
	}
	if o, ok := v.(*goja.Object); ok {
		v = o.ToString()
	}
	if _, ok := v.(*goja.Symbol); ok {
		panic(rt.typeError("Cannot convert a Symbol value to a string"))
	}
	if s, ok := v.ToString().(goja.String); ok {
		return s
	}
	return rt.r.ToValue(v.String()).(goja.String)
}

// number is ECMAScript, "ToNumber".
func (rt *realm) number(v goja.Value) float64 {
	if _, ok := v.(*goja.Symbol); ok {
		panic(rt.typeError("Cannot convert a Symbol value to a number"))
	}
	v = v.ToNumber()
	if goja.IsBigInt(v) {
		panic(rt.typeError("Cannot convert a BigInt value to a number"))
	}
	return v.ToFloat()
}

// clamp is the conversion to a [Clamp] long long.
func (rt *realm) clamp(v goja.Value) int64 {
	f := rt.number(v)
	if math.IsNaN(f) {
		return 0
	}
	const most = 1<<53 - 1
	return int64(math.RoundToEven(max(-most, min(most, f))))
}

// integer is the conversion to an integer of that many bits, signed.
func (rt *realm) integer(v goja.Value, bits int) int64 {
	f := math.Trunc(rt.number(v))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	size := math.Ldexp(1, bits)
	f = math.Mod(f, size)
	if f >= size/2 {
		f -= size
	} else if f < -size/2 {
		f += size
	}
	return int64(f)
}

// bytes is the conversion to a ByteString.
func (c call) byteString(v goja.Value) string {
	s := c.toString(v)
	b := make([]byte, s.Length())
	for i := range b {
		u := s.CharAt(i)
		if u > 0xff {
			panic(c.fail("String contains non ISO-8859-1 code point."))
		}
		b[i] = byte(u)
	}
	return string(b)
}

// latin is a ByteString as JavaScript has it.
func (rt *realm) latin(s string) goja.Value {
	if strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 {
		return rt.r.ToValue(s)
	}
	u := make([]uint16, len(s))
	for i := range len(s) {
		u[i] = uint16(s[i])
	}
	return goja.StringFromUTF16(u)
}

// A dict is a dictionary argument; the zero dict has no members.
type dict struct {
	c call
	o *goja.Object
}

// dict is the conversion to a dictionary.
func (c call) dict(i int) dict {
	v := c.arg(i)
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return dict{c: c}
	}
	o, ok := v.(*goja.Object)
	if !ok {
		panic(c.fail("The provided value is not of type 'object'."))
	}
	return dict{c, o}
}

// get returns a member, or nil. Members are to be got in the order of their names.
func (d dict) get(name string) goja.Value {
	if d.o == nil {
		return nil
	}
	v := d.o.Get(name)
	if v == nil || goja.IsUndefined(v) {
		return nil
	}
	return v
}

func (d dict) boolean(name string) bool {
	v := d.get(name)
	return v != nil && v.ToBoolean()
}

// enum returns a member that is one of values, or otherwise.
func (d dict) enum(name, otherwise string, values ...string) string {
	v := d.get(name)
	if v == nil {
		return otherwise
	}
	s := d.c.toString(v).String()
	if !slices.Contains(values, s) {
		panic(d.c.fail("The provided value '%s' is not a valid enum value of '%s'.", s, name))
	}
	return s
}

// iterator returns the object's iterator method, or nil (ECMAScript, "GetMethod").
func (rt *realm) iterator(o *goja.Object) function {
	v := o.GetSymbol(goja.SymIterator)
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return nil
	}
	f, ok := callable(v)
	if !ok {
		panic(rt.typeError("The object's iterator is not a function"))
	}
	return f
}

// iterate is the conversion to a sequence (WebIDL, "Creating a sequence from an iterable").
func (rt *realm) iterate(o *goja.Object, method function, each func(goja.Value)) {
	it, ok := method(o).(*goja.Object)
	if !ok {
		panic(rt.typeError("The iterator is not an object"))
	}
	next, ok := callable(it.Get("next"))
	if !ok {
		panic(rt.typeError("The iterator's next is not a function"))
	}
	for {
		result, ok := next(it).(*goja.Object)
		if !ok {
			panic(rt.typeError("The iterator's result is not an object"))
		}
		if done := result.Get("done"); done != nil && done.ToBoolean() {
			return
		}
		v := result.Get("value")
		if v == nil {
			v = goja.Undefined()
		}
		each(v)
	}
}

// sequence is the conversion of an argument that must be a sequence.
func (c call) sequence(v goja.Value, each func(goja.Value)) {
	o, ok := v.(*goja.Object)
	var f function
	if ok {
		f = c.iterator(o)
	}
	if f == nil {
		panic(c.fail("The provided value cannot be converted to a sequence."))
	}
	c.iterate(o, f, each)
}

// record is the conversion to a record: the object's own enumerable properties.
func (rt *realm) record(o *goja.Object, key, value func(goja.Value)) {
	callback := func(f func(goja.Value)) goja.Value {
		return rt.r.ToValue(func(c goja.FunctionCall) goja.Value { f(c.Argument(0)); return nil })
	}
	rt.eachProperty(nil, o, callback(key), callback(value))
}
