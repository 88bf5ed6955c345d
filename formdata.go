package beacon

import "github.com/seed-d051cf5a/beacon/internal/form"

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

func (f *FormData) encode() (body []byte, contentType string, err error) {
	fields := make([]form.Field, 0, len(f.entries))
	for _, e := range f.entries {
		field := form.Field{Name: string(scalarValues(e.name)), Value: string(scalarValues(e.value))}
		if e.file != nil {
			if e.file.err != nil {
				return nil, "", e.file.err
			}
			field.File = &form.File{Name: string(scalarValues(e.filename)), Type: e.file.contentType(), Data: e.file.Data}
		}
		fields = append(fields, field)
	}
	body, contentType = form.Multipart(fields)
	return body, contentType, nil
}
