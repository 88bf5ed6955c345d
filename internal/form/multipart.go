// Package form encodes forms as HTML and the URL standard say.
package form

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// A Field is an entry of a form: a value, or a file. Its strings are valid UTF-8.
type Field struct {
	Name, Value string
	File        *File
}

// A File has a Type that may be "", which is application/octet-stream.
type File struct {
	Name, Type string
	Data       []byte
}

// Multipart is HTML, "multipart/form-data encoding algorithm". The boundary is in lower
// case, so that it stays itself as the type of a blob.
func Multipart(fields []Field) (body []byte, contentType string) {
	var random [12]byte
	rand.Read(random[:])
	boundary := "----beaconformboundary" + hex.EncodeToString(random[:])
	var b []byte
	for _, f := range fields {
		b = append(b, "--"+boundary+"\r\nContent-Disposition: form-data; name=\""...)
		b = append(b, escape.Replace(newlines(f.Name))+`"`...)
		if f.File == nil {
			b = append(b, "\r\n\r\n"+newlines(f.Value)...)
		} else {
			b = append(b, `; filename="`+escape.Replace(f.File.Name)+"\"\r\nContent-Type: "...)
			kind := f.File.Type
			if kind == "" {
				kind = "application/octet-stream"
			}
			b = append(b, kind+"\r\n\r\n"...)
			b = append(b, f.File.Data...)
		}
		b = append(b, "\r\n"...)
	}
	return append(b, "--"+boundary+"--\r\n"...), "multipart/form-data; boundary=" + boundary
}

var (
	escape   = strings.NewReplacer("\n", "%0A", "\r", "%0D", `"`, "%22")
	unescape = strings.NewReplacer("%0A", "\n", "%0D", "\r", "%22", `"`)
)

// Unescape is what a name of a multipart form was before it was encoded.
func Unescape(name string) string { return unescape.Replace(name) }

// newlines makes every line break of a name or value a CRLF.
func newlines(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.ReplaceAll(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\n", "\r\n")
}
