package page

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/form"
)

func (f *formData) encode() (body []byte, contentType string) {
	fields := make([]form.Field, 0, len(f.entries))
	for _, e := range f.entries {
		field := form.Field{Name: e.name, Value: e.value}
		if e.file != nil {
			field.File = &form.File{Name: e.file.file.name, Type: e.file.kind, Data: e.file.data}
		}
		fields = append(fields, field)
	}
	return form.Multipart(fields)
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
		e := formEntry{name: form.Unescape(name)}
		if filename, isFile := params["filename"]; isFile {
			kind := part.Header.Get("Content-Type")
			if kind == "" {
				kind = "text/plain"
			}
			e.file = &blob{data, strings.ToLower(kind), &fileInfo{form.Unescape(filename), time.Now().UnixMilli()}}
			e.object = rt.make("File", e.file)
		} else {
			e.value = decodeUTF8(data)
		}
		f.entries = append(f.entries, e)
	}
}
