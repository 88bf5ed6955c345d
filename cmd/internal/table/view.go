package table

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// viewSQL returns the SELECT for the view beacons: the rows of the files in dir, with every column cast
// to its declared type. A declared column that a file does not have is computed from data.
func viewSQL(dir string, files []File, declared []Column) string {
	byColumns := map[string][]string{}
	var order []string
	for _, f := range files {
		key := strings.Join(f.Columns, "\n")
		if byColumns[key] == nil {
			order = append(order, key)
		}
		byColumns[key] = append(byColumns[key], literal(filepath.Join(dir, f.Name)))
	}
	var parts []string
	for _, key := range order {
		has := strings.Split(key, "\n")
		parts = append(parts, fmt.Sprintf("select %s from read_parquet([%s])", selection(declared, true, has), strings.Join(byColumns[key], ", ")))
	}
	if len(parts) == 0 {
		parts = []string{"select " + selection(declared, false, nil) + " where false"}
	}
	return strings.Join(parts, "\nunion all ")
}

// selection lists the view's columns, for files that have the columns in has, as File.Columns lists them. Without files
// all values are NULL.
func selection(declared []Column, files bool, has []string) string {
	var list []string
	add := func(value, typ, name string) {
		if !files {
			value = "null"
		}
		list = append(list, fmt.Sprintf("(%s)::%s as %s", value, typ, name))
	}
	for _, f := range fields {
		value := cmp.Or(f.view, f.name)
		if missing, can := missingColumn(f.name); can && !slices.Contains(has, f.name) {
			value = missing
		}
		add(value, f.typ, f.name)
	}
	for _, c := range declared {
		value := c.SQL("stream", "data")
		if slices.Contains(has, identity(c)) {
			value = ident(c.Name)
		}
		typ := c.Type
		if typ == "timestamp" { // in SQL that would be a time without a zone
			typ = "timestamptz"
		}
		add(value, typ, ident(c.Name))
	}
	return strings.Join(list, ", ")
}
