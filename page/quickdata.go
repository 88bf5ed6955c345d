package page

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/nlnwa/whatwg-url/url"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/form"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
	"github.com/seed-d051cf5a/beacon/page/internal/js"
)

// The functions of Go that parse, encode and decode for the files of platform.

func (q *quick) parts(u *url.Url) (js.Value, error) {
	values := make([]js.Value, 0, 11)
	for _, s := range []string{
		u.Href(false), weburl.OriginOf(u).String(), u.Protocol(), u.Username(), u.Password(), u.Host(), u.Hostname(), u.Port(), u.Pathname(), u.Search(), u.Hash(),
	} {
		values = append(values, q.vm.String(s))
	}
	return q.array(values...)
}

// parseURL returns the parts of a URL, or null: url, base.
func (q *quick) parseURL(_ js.Value, args []js.Value) (js.Value, error) {
	s := q.text(args, 0)
	if argument(args, 1).IsUndefined() {
		u, err := weburl.Parse(s)
		if err != nil {
			return js.Null, nil
		}
		return q.parts(u)
	}
	base, err := weburl.Parse(q.text(args, 1))
	if err != nil {
		return js.Null, nil
	}
	u, err := base.Parse(s)
	if err != nil {
		return js.Null, nil
	}
	return q.parts(u)
}

// changeURL returns the parts of a URL with another part: url, name, value.
func (q *quick) changeURL(_ js.Value, args []js.Value) (js.Value, error) {
	u, err := weburl.Parse(q.text(args, 0))
	if err != nil {
		return js.Undefined, err
	}
	set := map[string]func(*url.Url, string){
		"protocol": (*url.Url).SetProtocol, "username": (*url.Url).SetUsername, "password": (*url.Url).SetPassword, "host": (*url.Url).SetHost,
		"hostname": (*url.Url).SetHostname, "port": (*url.Url).SetPort, "pathname": (*url.Url).SetPathname, "search": (*url.Url).SetSearch, "hash": (*url.Url).SetHash,
	}[q.text(args, 1)]
	set(u, q.text(args, 2))
	return q.parts(u)
}

// parseForm returns the names and values of an urlencoded form.
func (q *quick) parseForm(_ js.Value, args []js.Value) (js.Value, error) {
	var values []js.Value
	for _, p := range parseURLEncoded(q.text(args, 0)) {
		values = append(values, q.vm.String(p.name), q.vm.String(p.value))
	}
	return q.array(values...)
}

// encodeForm returns an urlencoded form of names and values.
func (q *quick) encodeForm(_ js.Value, args []js.Value) (js.Value, error) {
	var b []byte
	for n := 0; n+1 < len(args); n += 2 {
		b = form.AppendURLEncoded(b, q.text(args, n), q.text(args, n+1))
	}
	return q.vm.String(string(b)), nil
}

// multipart returns the bytes and the type of a form; each entry is a name, a value, a file's name and its type.
func (q *quick) multipart(_ js.Value, args []js.Value) (js.Value, error) {
	var fields []form.Field
	for n := 0; n+3 < len(args); n += 4 {
		f := form.Field{Name: q.text(args, n)}
		if args[n+1].IsString() {
			f.Value = q.text(args, n+1)
		} else {
			f.File = &form.File{Name: q.text(args, n+2), Type: q.text(args, n+3), Data: bytes.Clone(q.data(args, n+1))}
		}
		fields = append(fields, f)
	}
	body, kind := form.Multipart(fields)
	return q.array(q.vm.Uint8Array(body), q.vm.String(kind))
}

// concat returns a Uint8Array of the parts, which are strings and buffers: native line endings, parts…
func (q *quick) concat(_ js.Value, args []js.Value) (js.Value, error) {
	var b []byte
	for n := 1; n < len(args); n++ {
		switch {
		case !args[n].IsString():
			b = append(b, q.data(args, n)...)
		case args[0].Bool():
			s := strings.ReplaceAll(strings.ReplaceAll(q.text(args, n), "\r\n", "\n"), "\r", "\n")
			b = append(b, s...)
		default:
			b = append(b, q.text(args, n)...)
		}
	}
	return q.vm.Uint8Array(b), nil
}

// part returns a copy of a part: bytes, from, to.
func (q *quick) part(_ js.Value, args []js.Value) (js.Value, error) {
	return q.vm.Uint8Array(q.data(args, 0)[int(args[1].Number()):int(args[2].Number())]), nil
}

// printable is File API, the type of a Blob: lower case, and empty if a character is not printable ASCII.
func (q *quick) printable(_ js.Value, args []js.Value) (js.Value, error) {
	s := q.text(args, 0)
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return q.vm.String(""), nil
		}
	}
	return q.vm.String(strings.ToLower(s)), nil
}

func (q *quick) decode(_ js.Value, args []js.Value) (js.Value, error) {
	return q.vm.String(decodeUTF8(q.data(args, 0))), nil
}

// encodeInto returns how many code units of the string and how many bytes were written: string, bytes.
func (q *quick) encodeInto(_ js.Value, args []js.Value) (js.Value, error) {
	into := q.data(args, 1)
	read, written := 0, 0
	for _, r := range q.text(args, 0) {
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
	return q.array(js.Number(float64(read)), js.Number(float64(written)))
}

// newDecoder returns a decoder and its encoding's name, or null: label, fatal, ignoreBOM.
func (q *quick) newDecoder(_ js.Value, args []js.Value) (js.Value, error) {
	e, err := htmlindex.Get(q.text(args, 0))
	if err != nil {
		return js.Null, nil
	}
	d := &textDecoder{fatal: args[1].Bool(), ignoreBOM: args[2].Bool()}
	if d.name, err = htmlindex.Name(e); err != nil || d.name == "replacement" {
		return js.Null, nil
	}
	if d.name != "utf-8" {
		d.encoding = e
	}
	return q.array(q.vm.Host(d), q.vm.String(d.name))
}

// decodeWith returns a string, or null for invalid bytes: decoder, bytes, stream.
func (q *quick) decodeWith(_ js.Value, args []js.Value) (js.Value, error) {
	s, ok := q.vm.HostOf(args[0]).(*textDecoder).decode(q.data(args, 1), args[2].Bool())
	if !ok {
		return js.Null, nil
	}
	return q.vm.String(s), nil
}

func (q *quick) kind(_ js.Value, args []js.Value) (js.Value, error) {
	return js.Number(float64(q.vm.BufferKind(argument(args, 0)))), nil
}

func (q *quick) detached(_ js.Value, args []js.Value) (js.Value, error) {
	_, ok := q.vm.Bytes(argument(args, 0))
	return js.Bool(!ok), nil
}

func (q *quick) isToken(_ js.Value, args []js.Value) (js.Value, error) {
	return js.Bool(fetchrules.IsToken(q.text(args, 0))), nil
}

// isByteString reports whether each code unit is at most U+00FF.
func (q *quick) isByteString(_ js.Value, args []js.Value) (js.Value, error) {
	for _, r := range q.text(args, 0) {
		if r > 0xff {
			return js.Bool(false), nil
		}
	}
	return js.Bool(true), nil
}

// trimHeader returns a header's value without white space around it, or null if it is invalid.
func (q *quick) trimHeader(_ js.Value, args []js.Value) (js.Value, error) {
	s := fetchrules.NormalizeValue(q.text(args, 0))
	if !fetchrules.IsHeaderValue(s) {
		return js.Null, nil
	}
	return q.vm.String(s), nil
}
