package table

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// A Column is a declared column: a field of data that has a column of its own. DuckDB reads a column of
// numbers many times faster than it finds the number in each row's JSON.
//
// The value is the first member with that name, by type:
//
//	double   a number, or a string that holds one such as "1.5", "+2" or "1e5". NULL where the
//	         number is too large for a double, and for "inf" and "nan".
//	bigint   the same, rounded half away from zero. NULL outside -2^63 to 2^63-1.
//	boolean  true, false, 1, 0, or a string: true, t, yes, y, 1, false, f, no, n or 0 in any case.
//	timestamp  a string of RFC 3339 with an offset, such as "2026-11-30T12:00:00.5Z", or a number as of double since
//	         1970: seconds below 1e11, milliseconds below 1e14, and microseconds below 1e17. To the microsecond.
//	varchar  a string, or any other value as JSON without white space. Numbers with a fraction or
//	         an exponent are written as a double: 1.50 is 1.5 and 1e5 is 100000.0.
//
// The value is NULL where the field is missing, null or not of that form.
//
// Stream is a path such as /visits: the value is NULL in rows of other streams. "" means all streams.
type Column struct{ Name, Type, Path, Stream string }

// ErrColumn is wrapped by each error about a declared column that cannot be used.
var ErrColumn = errors.New("column cannot be used")

// columnTypes are the types of declared columns.
var columnTypes = []string{"double", "bigint", "boolean", "timestamp", "varchar"}

var columnName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// ParseColumn parses NAME:TYPE[=PATH]. Without PATH the column is the member NAME of data. A declared
// column cannot have a name of own, the columns that every table has. Errors wrap ErrColumn.
func ParseColumn(text string, own []string) (Column, error) {
	head, path, pathed := strings.Cut(text, "=")
	name, typ, typed := strings.Cut(head, ":")
	c := Column{Name: name, Type: strings.ToLower(typ), Path: path}
	if !pathed {
		c.Path = "$." + name
	}
	wrong := func(format string, args ...any) (Column, error) {
		return Column{}, fmt.Errorf("%w: %q: %s", ErrColumn, text, fmt.Sprintf(format, args...))
	}
	// Queries could no longer refer to a row's number if a column had the name rowid.
	taken := strings.EqualFold(name, "rowid") ||
		slices.ContainsFunc(own, func(o string) bool { return strings.EqualFold(o, name) })
	switch {
	case !typed:
		return wrong("write it like value:double or lcp:double=$.metrics.lcp")
	case !columnName.MatchString(name):
		return wrong("a name has 1 to 63 ASCII letters, digits and _, and does not begin with a digit")
	case taken:
		return wrong("the table has a column %s already: choose another name, such as data_%[1]s:%s=%s", name, typ, c.Path)
	case !slices.Contains(columnTypes, c.Type):
		return wrong("unknown type %q: write double, bigint, boolean, timestamp or varchar", typ)
	case !strings.HasPrefix(c.Path, "$") && !strings.HasPrefix(c.Path, "/"):
		return wrong("a path begins with $ or /: write %s:%s=$.%s", name, typ, strings.TrimPrefix(path, "."))
	}
	return c, nil
}

// CheckColumns returns an error if two columns have the same name or a path cannot be used. Errors wrap
// ErrColumn.
func CheckColumns(columns []Column) error {
	for i, c := range columns {
		if slices.ContainsFunc(columns[:i], func(o Column) bool { return strings.EqualFold(o.Name, c.Name) }) {
			return fmt.Errorf("%w: %s is declared twice: remove one", ErrColumn, c.Name)
		}
		if _, err := c.compile(); err != nil {
			return err
		}
	}
	return nil
}

// SQL returns an expression for the column's value. stream is a SQL expression for the row's stream, and data one for
// JSON text or NULL. The expression fails for no row and has the same values as compile's getter.
func (c Column) SQL(stream, data string) string {
	if c.Stream == "" {
		return c.valueSQL(data)
	}
	return fmt.Sprintf("case when %s = %s then %s end", stream, literal(c.Stream), c.valueSQL(data))
}

// valueSQL is SQL for a row of the column's stream.
func (c Column) valueSQL(data string) string {
	text := fmt.Sprintf("try(json_extract_string(%s, %s))", data, literal(c.Path))
	switch c.Type {
	case "varchar":
		return text
	case "boolean":
		return fmt.Sprintf("try_cast(%s as boolean)", text)
	}
	number := fmt.Sprintf("isfinite(try_cast(%[1]s as double)) and not contains(%[1]s, '_')", text)
	if c.Type == "timestamp" {
		return fmt.Sprintf(`case when regexp_full_match(%[1]s, '%[2]s') then try_cast(%[1]s as timestamptz)
			when %[3]s then make_timestamptz(cast(round(try_cast(%[1]s as double) * case
				when abs(try_cast(%[1]s as double)) < 1e11 then 1000000.0
				when abs(try_cast(%[1]s as double)) < 1e14 then 1000.0
				when abs(try_cast(%[1]s as double)) < 1e17 then 1.0 end) as bigint)) end`, text, timestampForm, number)
	}
	// The engine casts 1e400 and inf to infinity, 0x10 to a bigint, and some long numbers with _ to
	// wrong doubles. It computes the repeated expressions once.
	return fmt.Sprintf("case when %s then try_cast(%s as %s) end", number, text, c.Type)
}

func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// A getter computes a column's value from JSON text. Goroutines may share it.
type getter struct {
	path   path
	stream string
	cast   func(value []byte) parquet.Value
}

// compile returns the column's getter, or an error if the path cannot be used.
func (c Column) compile() (getter, error) {
	p, err := parsePath(c.Path)
	if err != nil {
		return getter{}, fmt.Errorf("%w: %s with the path %s: %w", ErrColumn, c.Name, c.Path, err)
	}
	cast, ok := casts[c.Type]
	if !ok {
		return getter{}, fmt.Errorf("%w: %s: unknown type %q: write double, bigint, boolean, timestamp or varchar", ErrColumn, c.Name, c.Type)
	}
	return getter{p, c.Stream, cast}, nil
}

// Compile returns a function that computes the column's value from a row's stream and data, for a table other than this
// package's. data is valid JSON as a row has it, or empty. The value may share memory with data, and is NULL where the
// column has none. Goroutines may share the function. Errors wrap ErrColumn: the path or the type cannot be used.
func (c Column) Compile() (func(stream string, data []byte) parquet.Value, error) {
	g, err := c.compile()
	if err != nil {
		return nil, err
	}
	return func(stream string, data []byte) parquet.Value { return g.value(bytesOf(stream), data) }, nil
}

// value returns the column's value or NULL. stream is the row's. The value may share memory with data, which is valid JSON without half a
// surrogate pair, as a row has it, or empty. For other data the value is unspecified.
func (g getter) value(stream, data []byte) parquet.Value {
	if g.stream != "" && g.stream != string(stream) {
		return parquet.Value{}
	}
	v := g.path.find(data)
	if len(v) == 0 {
		return parquet.Value{}
	}
	return g.cast(v)
}

// casts has a function for each type of a column. It takes a JSON value without white space around it
// and returns the value that [Column] describes. DuckDB computes Column.SQL by the same rules, so that
// a column's values don't change when compaction computes them.
var casts = map[string]func(value []byte) parquet.Value{
	"double": func(value []byte) parquet.Value {
		if f, ok := toDouble(scalar(value)); ok {
			return parquet.DoubleValue(f)
		}
		return parquet.Value{}
	},
	"bigint": func(value []byte) parquet.Value {
		if n, ok := toBigint(value); ok {
			return parquet.Int64Value(n)
		}
		return parquet.Value{}
	},
	"boolean": func(value []byte) parquet.Value {
		if b, ok := toBoolean(scalar(value)); ok {
			return parquet.BooleanValue(b)
		}
		return parquet.Value{}
	},
	"timestamp": func(value []byte) parquet.Value {
		if t, ok := toTimestamp(scalar(value)); ok {
			return parquet.Int64Value(t)
		}
		return parquet.Value{}
	},
	"varchar": func(value []byte) parquet.Value {
		switch value[0] {
		case 'n':
			return parquet.Value{}
		case '"':
			return parquet.ByteArrayValue(scalar(value))
		}
		return parquet.ByteArrayValue(appendCompact(make([]byte, 0, len(value)), value))
	},
}
