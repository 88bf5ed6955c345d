//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Column is a field of data that has a column of its own in the table: the engine reads a
// column of numbers many times faster than it finds the number in each row's JSON. Its value
// is a view of data, as the engine casts the field's text: NULL where there is no such field or it
// can't be cast, and a bigint is rounded.
type Column struct{ Name, Type, Path string }

// ErrColumn says that there can be no such column.
var ErrColumn = errors.New("no such column can be had")

// columnTypes are the engine's own. There is none for times: the engine's cast to an instant fails
// for some strings, though it is one that must not, and lets one row's time zone count for the next.
var columnTypes = []string{"double", "bigint", "boolean", "varchar"}

var columnName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// ParseColumn reads NAME:TYPE[=PATH]. Without PATH it is the member NAME of data.
func ParseColumn(text string) (Column, error) {
	head, path, pathed := strings.Cut(text, "=")
	name, typ, typed := strings.Cut(head, ":")
	c := Column{name, strings.ToLower(typ), path}
	if !pathed {
		c.Path = "$." + name
	}
	wrong := func(format string, args ...any) (Column, error) {
		return Column{}, fmt.Errorf("%w: %q: %s", ErrColumn, text, fmt.Sprintf(format, args...))
	}
	switch {
	case !typed:
		return wrong("write it like value:double or lcp:double=$.metrics.lcp")
	case !columnName.MatchString(name):
		return wrong("name it with letters of ASCII, digits and _, 63 at most, and no digit first")
	case isOwn(name):
		return wrong("the table has %s already: name it otherwise, such as data_%[1]s:%s=%s", name, typ, c.Path)
	case !slices.Contains(columnTypes, c.Type):
		return wrong("%q is no type here: write double, bigint, boolean or varchar", typ)
	case !strings.HasPrefix(c.Path, "$") && !strings.HasPrefix(c.Path, "/"):
		return wrong("a path begins with $ or /: write %s:%s=$.%s", name, typ, strings.TrimPrefix(path, "."))
	}
	return c, nil
}

// isOwn says whether the table has such a column whatever is declared. With a column named
// rowid there would be no way to a row's number.
func isOwn(name string) bool {
	for _, c := range ownColumns {
		if strings.EqualFold(c.name, name) {
			return true
		}
	}
	return strings.EqualFold(name, "rowid")
}

func (c Column) ident() string { return `"` + strings.ReplaceAll(c.Name, `"`, `""`) + `"` }

// as is the value, named as the column is.
func (c Column) as(data string) string { return c.value(data) + " as " + c.ident() }

// value is the value in SQL, where data is JSON. No row makes it fail.
func (c Column) value(data string) string {
	return fmt.Sprintf("try_cast(json_extract_string(%s, %s) as %s)", data, literal(c.Path), c.Type)
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// checkColumns finds out whether the engine takes the paths.
func checkColumns(ctx context.Context, conn *sql.Conn, declared []Column) error {
	for i, c := range declared {
		if slices.ContainsFunc(declared[:i], func(o Column) bool { return strings.EqualFold(o.Name, c.Name) }) {
			return fmt.Errorf("%w: %s is there twice: leave one out", ErrColumn, c.Name)
		}
		var typ string
		err := conn.QueryRowContext(ctx, "select typeof(json_extract_string('{}'::json, "+literal(c.Path)+"))").Scan(&typ)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %s with the path %s: %s: write it like $.metrics.lcp, $.a[0], $.\"a b\" or /metrics/lcp", ErrColumn, c.Name, c.Path, reason(err))
		case typ != "VARCHAR":
			return fmt.Errorf("%w: %s with the path %s, which is of many fields: leave * and .. out", ErrColumn, c.Name, c.Path)
		}
	}
	return nil
}

// declare makes the table's columns those that are declared: what is too many goes, and what
// is missing comes, with NULL in the rows that are there, until FillColumns. Columns that
// nobody declared here are somebody's own.
//
// unfilled is the row before which rows have no value yet. It goes down, because with it only
// those can: a checkpoint gives rows lower numbers where others were deleted, and new rows,
// which have their values, come behind it.
func (db *DB) declare(ctx context.Context, pool *sql.DB) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn) // and with it the transaction, after an error
	if err := checkColumns(ctx, conn, db.declared); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "create table if not exists data_columns (name varchar not null, type varchar not null, path varchar not null, unfilled bigint not null)"); err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, `select t.column_name, d.name is not null, coalesce(d.type, ''), coalesce(d.path, '')
		from (from duckdb_columns() where database_name = 'beacons' and schema_name = 'main' and table_name = 'beacons') t
		left join data_columns d on d.name = t.column_name`)
	if err != nil {
		return err
	}
	defer rows.Close()
	there := map[string]bool{}
	keep := []string{"''"}
	var script strings.Builder
	for rows.Next() {
		var c Column
		var declared bool
		if err := rows.Scan(&c.Name, &declared, &c.Type, &c.Path); err != nil {
			return err
		}
		if declared && !slices.Contains(db.declared, c) {
			fmt.Fprintf(&script, "alter table beacons drop column %s;\n", c.ident())
			continue
		}
		there[strings.ToLower(c.Name)] = declared
		if declared {
			keep = append(keep, literal(c.Name))
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	fmt.Fprintf(&script, "delete from data_columns where name not in (%s);\n", strings.Join(keep, ", "))
	for _, c := range db.declared {
		switch declared, exists := there[strings.ToLower(c.Name)]; {
		case exists && !declared:
			return fmt.Errorf("%w: %s is in the table, and not for a --column: name it otherwise", ErrColumn, c.Name)
		case !exists:
			fmt.Fprintf(&script, "alter table beacons add column %s %s;\n", c.ident(), c.Type)
			fmt.Fprintf(&script, "insert into data_columns select %s, %s, %s, coalesce(max(rowid) + 1, 0) from beacons;\n", literal(c.Name), literal(c.Type), literal(c.Path))
		}
	}
	_, err = conn.ExecContext(ctx, "begin;\n"+script.String()+"commit")
	return err
}

// insertion is what adds a batch to the table, with the declared columns.
func insertion(declared []Column) string {
	text := insertBatch
	for _, c := range declared {
		text += ",\n\t" + c.as("try_cast(data as json)")
	}
	return text
}

// rescue is what adds rows of the table anew. They may have no values yet, and FillColumns
// wouldn't come to them any more.
func rescue(declared []Column) string {
	if len(declared) == 0 {
		return "insert into beacons from beacons"
	}
	values := make([]string, len(declared))
	for i, c := range declared {
		values[i] = c.as("data")
	}
	return "insert into beacons select * replace (" + strings.Join(values, ", ") + ") from beacons"
}
