package page

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"
)

// defineTextEncoder is Encoding, "Interface TextEncoder".
func (rt *realm) defineTextEncoder() {
	type encoder struct{}
	i := rt.define("TextEncoder", "", 0, func(call) any { return &encoder{} })
	getter(i, "encoding", func(*encoder) any { return "utf-8" })
	method(i, "encode", 0, func(_ *encoder, c call) any {
		if !c.given(0) {
			return rt.newBytes(nil)
		}
		return rt.newBytes([]byte(c.usv(0)))
	})
	method(i, "encodeInto", 2, func(_ *encoder, c call) any {
		s := c.usv(0)
		into, ok := rt.bufferSource(c.arg(1))
		if !ok || !rt.isUint8Array(c.arg(1)) {
			panic(c.fail("parameter 2 is not of type 'Uint8Array'."))
		}
		read, written := 0, 0
		for _, r := range s {
			n := utf8.RuneLen(r)
			if written+n > len(into) {
				break
			}
			utf8.EncodeRune(into[written:], r)
			written += n
			read++
			if r > 0xffff {
				read++
			}
		}
		o := rt.r.NewObject()
		must(o.Set("read", read))
		must(o.Set("written", written))
		return o
	})
}

// A textDecoder is the slots of a TextDecoder.
type textDecoder struct {
	name             string
	encoding         encoding.Encoding // nil is UTF-8
	fatal, ignoreBOM bool
	pending          []byte // of an unfinished stream
	started          bool   // past the place of a byte order mark
	state            transform.Transformer
}

// defineTextDecoder is Encoding, "Interface TextDecoder".
func (rt *realm) defineTextDecoder() {
	i := rt.define("TextDecoder", "", 0, func(c call) any {
		label := "utf-8"
		if c.given(0) {
			label = c.dom(0).String()
		}
		d := &textDecoder{}
		options := c.dict(1)
		d.fatal, d.ignoreBOM = options.boolean("fatal"), options.boolean("ignoreBOM")
		e, err := htmlindex.Get(label)
		if err == nil {
			d.name, err = htmlindex.Name(e)
		}
		if err != nil || d.name == "replacement" {
			panic(rt.newRangeError("Failed to construct 'TextDecoder': The encoding label provided ('%s') is invalid.", label))
		}
		if d.name != "utf-8" {
			d.encoding = e
		}
		return d
	})
	getter(i, "encoding", func(d *textDecoder) any { return d.name })
	getter(i, "fatal", func(d *textDecoder) any { return d.fatal })
	getter(i, "ignoreBOM", func(d *textDecoder) any { return d.ignoreBOM })
	method(i, "decode", 0, func(d *textDecoder, c call) any {
		var in []byte
		if c.given(0) {
			var ok bool
			if in, ok = rt.bufferSource(c.arg(0)); !ok {
				panic(c.fail("parameter 1 is not of type 'ArrayBuffer'."))
			}
		}
		s, ok := d.decode(in, c.dict(1).boolean("stream"))
		if !ok {
			panic(c.fail("The encoded data was not valid."))
		}
		return s
	})
}

func (d *textDecoder) decode(in []byte, stream bool) (string, bool) {
	in = append(d.pending, in...)
	d.pending = nil
	var out []byte
	valid := true
	if d.encoding == nil {
		if stream {
			n := len(in) - unfinished(in)
			in, d.pending = in[:n], bytes.Clone(in[n:])
		}
		valid = utf8.Valid(in)
		out = []byte(strictUTF8(in))
	} else {
		if d.state == nil {
			d.state = d.encoding.NewDecoder()
		}
		out = make([]byte, 3*len(in)+16)
		n, read, err := d.state.Transform(out, in, !stream)
		out = out[:n]
		valid = err == nil || stream && err == transform.ErrShortSrc
		d.pending = bytes.Clone(in[read:])
		if d.fatal && bytes.Contains(out, []byte("\uFFFD")) {
			valid = false
		}
	}
	if !d.started && !d.ignoreBOM {
		out = bytes.TrimPrefix(out, []byte("\uFEFF"))
	}
	d.started = stream && (d.started || len(out) > 0)
	if !stream {
		d.state, d.pending = nil, nil
	}
	return string(out), valid || !d.fatal
}

// decodeUTF8 is Encoding, "UTF-8 decode": without a byte order mark.
func decodeUTF8(b []byte) string { return strictUTF8(bytes.TrimPrefix(b, []byte("\uFEFF"))) }

// strictUTF8 is Encoding, "UTF-8 decode without BOM": each part of a character that is
// none, as long as it can be, is one U+FFFD.
func strictUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out := make([]byte, 0, len(b)+16)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = max(1, prefix(b))
		}
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return string(out)
}

// prefix is how many bytes at the start of b could begin a character that b has not.
func prefix(b []byte) int {
	var want int
	low, high := byte(0x80), byte(0xbf)
	switch c := b[0]; {
	case 0xc2 <= c && c <= 0xdf:
		want = 2
	case 0xe0 <= c && c <= 0xef:
		want = 3
	case 0xf0 <= c && c <= 0xf4:
		want = 4
	default:
		return 0
	}
	switch b[0] {
	case 0xe0:
		low = 0xa0
	case 0xed:
		high = 0x9f
	case 0xf0:
		low = 0x90
	case 0xf4:
		high = 0x8f
	}
	n := 1
	for n < want && n < len(b) && low <= b[n] && b[n] <= high {
		low, high = 0x80, 0xbf
		n++
	}
	return n
}

// unfinished is how many bytes at the end of b begin a character that may go on.
func unfinished(b []byte) int {
	for n := 1; n <= 3 && n <= len(b); n++ {
		if tail := b[len(b)-n:]; tail[0] >= 0xc0 {
			if prefix(tail) == n && !utf8.FullRune(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}
