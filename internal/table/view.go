package table

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// View returns the SELECT that the view beacons is made of: the rows of the files in dir, with
// every column cast to its declared type. A declared column that a file does not have yet is an
// expression over data.
func View(dir string, files []File, declared []Column) string {
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
		parts = append(parts, fmt.Sprintf("select %s from read_parquet([%s])", selection(declared, has), strings.Join(byColumns[key], ", ")))
	}
	if len(parts) == 0 {
		parts = []string{"select " + emptySelection(declared) + " where false"}
	}
	return strings.Join(parts, "\nunion all ")
}

// selection lists the view's columns for files that have those declared columns whose identities
// are in has.
func selection(declared []Column, has []string) string {
	var list []string
	for _, f := range fields {
		value := f.name
		if f.view != "" {
			value = f.view
		}
		list = append(list, fmt.Sprintf("(%s)::%s as %s", value, f.typ, f.name))
	}
	for _, c := range declared {
		value := c.SQL("data")
		if slices.Contains(has, identity(c)) {
			value = ident(c.Name)
		}
		list = append(list, fmt.Sprintf("(%s)::%s as %s", value, c.Type, ident(c.Name)))
	}
	return strings.Join(list, ", ")
}

func emptySelection(declared []Column) string {
	var list []string
	for _, f := range fields {
		list = append(list, fmt.Sprintf("null::%s as %s", f.typ, f.name))
	}
	for _, c := range declared {
		list = append(list, fmt.Sprintf("null::%s as %s", c.Type, ident(c.Name)))
	}
	return strings.Join(list, ", ")
}
