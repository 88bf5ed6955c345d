package page

import (
	"strconv"
	"strings"

	"github.com/dop251/goja"
)

// The most that is shown of a value.
const (
	inspectDepth = 4
	inspectItems = 100
)

// inspectValue is a value in the way that consoles show one.
func (rt *realm) inspect(v goja.Value) string {
	i := inspector{rt: rt}
	i.value(v, 0)
	return i.String()
}

type inspector struct {
	strings.Builder
	rt    *realm
	above []*goja.Object
}

func (i *inspector) value(v goja.Value, depth int) {
	switch x := v.(type) {
	case *goja.Object:
		i.object(x, depth)
	case *goja.Symbol:
		i.WriteString("Symbol(" + x.String() + ")")
	default:
		switch {
		case goja.IsString(v):
			i.WriteString(strconv.Quote(v.String()))
		case goja.IsBigInt(v):
			i.WriteString(v.String() + "n")
		default:
			i.WriteString(v.String())
		}
	}
}

// object never fails: what throws while it is looked at is shown by its class.
func (i *inspector) object(o *goja.Object, depth int) {
	before, above := i.Len(), len(i.above)
	if i.rt.try(func() { i.inside(o, depth) }) != nil {
		text := i.String()[:before]
		i.Reset()
		i.WriteString(text + "[" + o.ClassName() + "]")
		i.above = i.above[:above]
	}
}

func (i *inspector) inside(o *goja.Object, depth int) {
	for _, other := range i.above {
		if other == o {
			i.WriteString("[Circular]")
			return
		}
	}
	i.above = append(i.above, o)
	defer func() { i.above = i.above[:len(i.above)-1] }()
	if e, ok := i.rt.implOf(o).(*domException); ok {
		i.WriteString(e.name.String() + ": " + e.message.String())
		return
	}
	class := o.ClassName()
	switch {
	case class == "Function":
		i.WriteString("[" + strings.TrimSpace("Function "+text(o.Get("name"))) + "]")
	case class == "Error":
		i.WriteString(strings.TrimRight(text(o.Get("stack")), "\n"))
	case class == "Date" || class == "RegExp":
		i.WriteString(o.String())
	case depth >= inspectDepth:
		i.WriteString("[" + name(o) + "]")
	case class == "Array" || !goja.IsUndefined(i.rt.viewTag(o)):
		if class != "Array" {
			i.WriteString(name(o) + " ")
		}
		i.list("[", "]", len(o.Keys()), func(n int) { i.value(o.Get(o.Keys()[n]), depth+1) })
	default:
		if n := name(o); n != "Object" {
			i.WriteString(n + " ")
		}
		keys := o.Keys()
		i.list("{", "}", len(keys), func(n int) {
			i.WriteString(keys[n] + ": ")
			i.value(o.Get(keys[n]), depth+1)
		})
	}
}

func (i *inspector) list(open, closing string, n int, item func(n int)) {
	i.WriteString(open)
	for k := range min(n, inspectItems) {
		if k > 0 {
			i.WriteString(", ")
		}
		item(k)
	}
	if n > inspectItems {
		i.WriteString(", … " + strconv.Itoa(n-inspectItems) + " more")
	}
	i.WriteString(closing)
}

// name is that of the object's constructor.
func name(o *goja.Object) string {
	if tag := o.GetSymbol(goja.SymToStringTag); tag != nil && goja.IsString(tag) {
		return tag.String()
	}
	if c, ok := o.Get("constructor").(*goja.Object); ok {
		if n := text(c.Get("name")); n != "" {
			return n
		}
	}
	return "Object"
}

func text(v goja.Value) string {
	if v == nil || goja.IsUndefined(v) {
		return ""
	}
	return v.String()
}
