package beacon

import (
	"crypto/rand"
	"strings"
)

// FormData is a list of fields and files (XMLHttpRequest, "Interface FormData"). The zero
// FormData is empty. It is not safe for concurrent use.
type FormData struct{ entries []formEntry }

type formEntry struct {
	name, value string
	file        *Blob
	filename    string
}

// Append adds a field. A name may be added more than once.
func (f *FormData) Append(name, value string) {
	f.entries = append(f.entries, formEntry{name: name, value: value})
}

// AppendFile adds a file; with no type of its own it is application/octet-stream.
func (f *FormData) AppendFile(name, filename string, file Blob) {
	f.entries = append(f.entries, formEntry{name: name, file: &file, filename: filename})
}

// encode is HTML, "multipart/form-data encoding algorithm".
func (f *FormData) encode() (body []byte, contentType string, err error) {
	boundary := "----BeaconFormBoundary" + rand.Text()
	var b []byte
	for _, e := range f.entries {
		b = append(b, "--"+boundary+"\r\nContent-Disposition: form-data; name=\""...)
		b = append(b, formEscape.Replace(formNewlines(e.name))...)
		b = append(b, '"')
		if e.file == nil {
			b = append(b, "\r\n\r\n"...)
			b = append(b, formNewlines(e.value)...)
		} else {
			if e.file.err != nil {
				return nil, "", e.file.err
			}
			b = append(b, "; filename=\""...)
			b = append(b, formEscape.Replace(string(scalarValues(e.filename)))...)
			b = append(b, "\"\r\nContent-Type: "...)
			if t := e.file.contentType(); t != "" {
				b = append(b, t...)
			} else {
				b = append(b, "application/octet-stream"...)
			}
			b = append(b, "\r\n\r\n"...)
			b = append(b, e.file.Data...)
		}
		b = append(b, "\r\n"...)
	}
	b = append(b, "--"+boundary+"--\r\n"...)
	return b, "multipart/form-data; boundary=" + boundary, nil
}

var formEscape = strings.NewReplacer("\n", "%0A", "\r", "%0D", `"`, "%22")

// formNewlines makes every line break of a name or value a CRLF.
func formNewlines(s string) string {
	s = string(scalarValues(s))
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.ReplaceAll(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\n", "\r\n")
}
