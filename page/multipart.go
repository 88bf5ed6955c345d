package page

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"time"
)

// encode is HTML, "multipart/form-data encoding algorithm". The boundary is in lower
// case, so that it stays itself in a blob's type.
func (f *formData) encode() (body []byte, contentType string) {
	var random [12]byte
	rand.Read(random[:])
	boundary := "----beaconformboundary" + hex.EncodeToString(random[:])
	var b []byte
	for _, e := range f.entries {
		b = append(b, "--"+boundary+"\r\nContent-Disposition: form-data; name=\""...)
		b = append(b, formEscape.Replace(formNewlines(e.name))...)
		b = append(b, '"')
		if e.file == nil {
			b = append(b, "\r\n\r\n"...)
			b = append(b, formNewlines(e.value)...)
		} else {
			b = append(b, "; filename=\""...)
			b = append(b, formEscape.Replace(e.file.file.name)...)
			b = append(b, "\"\r\nContent-Type: "...)
			if e.file.kind != "" {
				b = append(b, e.file.kind...)
			} else {
				b = append(b, "application/octet-stream"...)
			}
			b = append(b, "\r\n\r\n"...)
			b = append(b, e.file.data...)
		}
		b = append(b, "\r\n"...)
	}
	return append(b, "--"+boundary+"--\r\n"...), "multipart/form-data; boundary=" + boundary
}

var formEscape = strings.NewReplacer("\n", "%0A", "\r", "%0D", `"`, "%22")

// formNewlines makes every line break of a name or value a CRLF.
func formNewlines(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	return strings.ReplaceAll(s, "\n", "\r\n")
}

// parseForm is Fetch, Body's formData(): the entries of a body of that Content-Type.
func (rt *realm) parseForm(body []byte, contentType string) (*formData, error) {
	essence, params, err := mime.ParseMediaType(contentType)
	switch {
	case err == nil && essence == "application/x-www-form-urlencoded":
		f := &formData{}
		for _, p := range parseURLEncoded(string(body)) {
			f.entries = append(f.entries, formEntry{name: p.name, value: p.value})
		}
		return f, nil
	case err == nil && essence == "multipart/form-data":
		return rt.parseMultipart(body, params["boundary"])
	}
	return nil, errors.New("its Content-Type is that of no form")
}

func (rt *realm) parseMultipart(body []byte, boundary string) (*formData, error) {
	f := &formData{}
	if boundary == "" {
		return nil, errors.New("its Content-Type has no boundary")
	}
	for r := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return f, nil
		} else if err != nil {
			return nil, err
		}
		disposition, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		name, hasName := params["name"]
		if err != nil || disposition != "form-data" || !hasName {
			return nil, errors.New("a part has no name")
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		e := formEntry{name: formUnescape.Replace(name)}
		if filename, isFile := params["filename"]; isFile {
			kind := part.Header.Get("Content-Type")
			if kind == "" {
				kind = "text/plain"
			}
			e.file = &blob{data, strings.ToLower(kind), &fileInfo{formUnescape.Replace(filename), time.Now().UnixMilli()}}
			e.object = rt.make("File", e.file)
		} else {
			e.value = decodeUTF8(data)
		}
		f.entries = append(f.entries, e)
	}
}

var formUnescape = strings.NewReplacer("%0A", "\n", "%0D", "\r", "%22", `"`)
