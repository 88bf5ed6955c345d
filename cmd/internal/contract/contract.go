// Package contract checks the data of rows against JSON Schemas. A row that fails is kept, with the reason in its error.
package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

// Contracts are the schemas of streams. They are safe for concurrent use.
type Contracts struct{ all []contract }

type contract struct {
	matches func(stream string) bool
	schema  *jsonschema.Schema
	file    string
}

// Parse parses values of the form STREAM=FILE. STREAM is a pattern as of [collect.Paths], and FILE has a JSON Schema of
// draft 4 to 2020-12. A $ref may name other files, and no URL of the network.
func Parse(texts []string) (*Contracts, error) {
	c := &Contracts{}
	for _, text := range texts {
		stream, file, ok := strings.Cut(text, "=")
		if !ok || file == "" {
			return nil, fmt.Errorf("%q: write STREAM=FILE, such as /events=events.schema.json", text)
		}
		matches, err := collect.Paths(stream)
		if err != nil {
			return nil, err
		}
		path, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		schema, err := compile(path)
		if err != nil {
			return nil, fmt.Errorf("%s can't be used as a JSON Schema: %w", file, err)
		}
		c.all = append(c.all, contract{matches, schema, filepath.Base(file)})
	}
	return c, nil
}

func compile(path string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{"file": jsonschema.FileLoader{}})
	c.AssertFormat()
	return c.Compile(path)
}

// Check adds to the row's error why its data does not match the first schema of its stream. Rows without data, whose
// error says why, are not checked.
func (c *Contracts) Check(r *row.Row) {
	for i := range c.all {
		if x := &c.all[i]; x.matches(r.Stream) {
			if r.Data != nil {
				if reason := x.check(r.Data); reason != "" {
					r.Error = strings.TrimPrefix(r.Error+"; "+reason, "; ")
				}
			}
			return
		}
	}
}

// maxReason is the length of a reason in bytes.
const maxReason = 300

func (x *contract) check(data []byte) (reason string) {
	// A panic would end the collector, and again at each start.
	defer func() {
		if p := recover(); p != nil {
			reason = fmt.Sprintf("can't be checked against %s: %v", x.file, p)
		}
	}()
	// Numbers are doubles: as fractions of integers, which the library makes of a text, they can take any memory.
	var value any
	err := json.Unmarshal(data, &value)
	if err == nil {
		err = x.schema.Validate(value)
	}
	var invalid *jsonschema.ValidationError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &invalid):
		leaf := invalid
		for len(leaf.Causes) > 0 {
			leaf = leaf.Causes[0]
		}
		reason = fmt.Sprintf("does not match %s at /%s: %s", x.file, strings.Join(leaf.InstanceLocation, "/"), leaf.ErrorKind.LocalizedString(english))
	default:
		reason = fmt.Sprintf("can't be checked against %s: %v", x.file, err)
	}
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return strings.ToValidUTF8(reason, "\uFFFD")
}

var english = message.NewPrinter(language.English)
