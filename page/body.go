package page

import (
	"bytes"
	"strings"

	"github.com/dop251/goja"
)

// A body is Fetch, "body": bytes, or a stream that a script gave.
type body struct {
	data     []byte
	stream   *stream      // nil until a script asks for it, if there are bytes
	object   *goja.Object // of stream
	consumed bool         // without a stream
}

func (b *body) used() bool {
	return b != nil && (b.consumed || b.stream != nil && b.stream.disturbed)
}

func (b *body) unusable() bool {
	return b != nil && (b.used() || b.stream != nil && b.stream.reader != nil)
}

// bodyInit is the conversion to BodyInit: a *stream, *blob, []byte, *formData,
// *searchParams or string. The bytes are still the script's.
func (rt *realm) bodyInit(v goja.Value) any {
	if o, ok := v.(*goja.Object); ok {
		switch impl := rt.implOf(o).(type) {
		case *stream, *blob, *formData, *searchParams:
			return impl
		}
		if b, ok := rt.bufferSource(o); ok {
			return b
		}
	}
	return rt.toString(v).String()
}

// extract is Fetch, "extract a body" of what [realm.bodyInit] returned. The bytes are
// copied; an empty contentType is none.
func (c call) extract(init any, object goja.Value, keepalive bool) (b *body, contentType string) {
	switch v := init.(type) {
	case *stream:
		if keepalive {
			panic(c.fail("A ReadableStream cannot be sent with keepalive: its end may come after the page is gone."))
		}
		if v.disturbed || v.reader != nil {
			panic(c.fail("The provided ReadableStream is disturbed or locked."))
		}
		return &body{stream: v, object: object.(*goja.Object)}, ""
	case *blob:
		return &body{data: v.data}, v.kind
	case *formData:
		data, kind := v.encode()
		return &body{data: data}, kind
	case *searchParams:
		return &body{data: []byte(urlEncode(v.list))}, "application/x-www-form-urlencoded;charset=UTF-8"
	case []byte:
		return &body{data: append([]byte{}, v...)}, ""
	default:
		return &body{data: []byte(v.(string))}, "text/plain;charset=UTF-8"
	}
}

// expose returns the body's stream object, or null.
func (b *body) expose(rt *realm) any {
	if b == nil {
		return goja.Null()
	}
	if b.object == nil {
		b.object = rt.newByteStream(b.data)
		b.stream = rt.implOf(b.object).(*stream)
		if b.consumed {
			b.stream.disturbed = true
			b.stream.close()
		}
	}
	return b.object
}

// cloneBody is "clone a body", of what the message names: both read the same.
func (c call) cloneBody(b *body, of string) *body {
	switch {
	case b.unusable():
		panic(c.fail("%s body is already used", of))
	case b == nil:
		return nil
	case b.stream == nil || b.data != nil:
		return &body{data: b.data}
	}
	one, two := c.tee(b.stream)
	b.object, b.stream = one, c.implOf(one).(*stream)
	return &body{object: two, stream: c.implOf(two).(*stream)}
}

// A bodied is a Request or a Response.
type bodied interface {
	content() *body
	contentType() string
}

// read gives the body's bytes to done.
func (b *body) read(rt *realm, done func([]byte), failed func(goja.Value)) {
	switch {
	case b == nil:
		done(nil)
	case b.stream != nil:
		b.stream.readAll(done, failed)
	default:
		b.consumed = true
		done(bytes.Clone(b.data))
	}
}

// defineBody is Fetch, "Body mixin".
func defineBody[T bodied](i *iface) {
	rt := i.rt
	getter(i, "body", func(t T) any { return t.content().expose(rt) })
	getter(i, "bodyUsed", func(t T) any { return t.content().used() })
	for _, kind := range []struct {
		name string
		as   func(t T, b []byte) goja.Value
	}{
		{"arrayBuffer", func(_ T, b []byte) goja.Value { return rt.value(rt.r.NewArrayBuffer(b)) }},
		{"blob", func(t T, b []byte) goja.Value {
			return rt.make("Blob", &blob{data: b, kind: strings.ToLower(t.contentType())})
		}},
		{"bytes", func(_ T, b []byte) goja.Value { return rt.newBytes(b) }},
		{"formData", func(t T, b []byte) goja.Value {
			f, err := rt.parseForm(b, t.contentType())
			if err != nil {
				panic(rt.typeError("Failed to fetch: the body is no form: %v", err))
			}
			return rt.make("FormData", f)
		}},
		{"json", func(_ T, b []byte) goja.Value {
			return rt.parseJSON(goja.Undefined(), rt.value(decodeUTF8(b)))
		}},
		{"text", func(_ T, b []byte) goja.Value { return rt.value(decodeUTF8(b)) }},
	} {
		promised(i, kind.name, 0, func(t T, c call) any {
			if t.content().unusable() {
				panic(c.fail("body stream already read or locked"))
			}
			d := rt.newDeferred()
			t.content().read(rt, func(b []byte) {
				var v goja.Value
				if thrown := rt.try(func() { v = kind.as(t, b) }); thrown != nil {
					d.reject(thrown)
				} else {
					d.resolve(v)
				}
			}, d.reject)
			return d.promise
		})
	}
}
