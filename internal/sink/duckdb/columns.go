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
	"time"
)

// A Column is a field of data that has a column of its own in the table: the engine reads a
// column of numbers many times faster than it finds the number in each row's JSON. Its value
// is a view of data, and NULL where data has no such field or it is no Type.
type Column struct{ Name, Type, Path string }

// ErrColumn says that there can be no such column.
var ErrColumn = errors.New("no such column can be had")

// columnTypes are the engine's names of a Column's types.
var columnTypes = map[string]string{"double": "double", "bigint": "bigint", "boolean": "boolean", "varchar": "varchar", "timestamp": "timestamptz"}

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
	case columnTypes[c.Type] == "":
		return wrong("%q is no type here: write double, bigint, boolean, varchar or timestamp", typ)
	case !strings.HasPrefix(c.Path, "$") && !strings.HasPrefix(c.Path, "/"):
		return wrong("a path begins with $ or /: write %s:%s=$.%s", name, typ, strings.TrimPrefix(path, "."))
	}
	return c, nil
}

// isOwn says whether the table has such a column whatever is declared. With a column named
// rowid there would be no way to a row's number.
func isOwn(name string) bool {
	for _, c := range columns {
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
	return fmt.Sprintf("try_cast(json_extract_string(%s, %s) as %s)", data, literal(c.Path), columnTypes[c.Type])
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
	if err := checkColumns(ctx, conn, db.columns); err != nil {
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
		if declared && !slices.Contains(db.columns, c) {
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
	for _, c := range db.columns {
		switch declared, exists := there[strings.ToLower(c.Name)]; {
		case exists && !declared:
			return fmt.Errorf("%w: %s is in the table, and not for a --column: name it otherwise", ErrColumn, c.Name)
		case !exists:
			fmt.Fprintf(&script, "alter table beacons add column %s %s;\n", c.ident(), columnTypes[c.Type])
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

const (
	fillRows  = 8 * groupRows // in one transaction, of about 0.1 s
	fillSteps = 4             // until a checkpoint: what they wrote is in memory until then
	fillSays  = 5 * time.Second
)

// FillColumns gives the rows that were there before a column their values, until all have
// them or ctx is done. What was done stays done, however it ends. It is called before Drain
// and Retain, which it would hold up; nothing is wrong where it wasn't, but for those NULLs.
func (db *DB) FillColumns(ctx context.Context) error {
	said, rows := time.Now(), int64(0)
	for n := 1; ; n++ {
		behind, first, err := db.fillStep(ctx)
		if starved(err) && db.feed() {
			continue
		}
		if err == nil && first > 0 && n%fillSteps == 0 {
			// The engine makes none of what was changed while a query reads.
			err = db.alone(ctx, func() error { return db.exec(ctx, "checkpoint") })
			if errors.Is(err, context.DeadlineExceeded) {
				err = nil // the next one, then
			}
		}
		if err != nil {
			return fmt.Errorf("fill columns: %w", err)
		}
		rows = max(rows, behind)
		switch {
		case rows == 0:
			return nil
		case first == 0:
			db.log().Info("the new columns are filled", "rows", rows)
			return nil
		case time.Since(said) >= fillSays:
			said = time.Now()
			db.log().Info("new columns are being filled", "rows", rows-first, "of", rows)
		}
	}
}

// fillStep fills some rows, those with the highest numbers, which are first up to those
// before behind; there are none where behind is 0.
func (db *DB) fillStep(ctx context.Context) (behind, first int64, err error) {
	db.writing.Lock()
	defer db.writing.Unlock()
	conn, err := db.conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer discard(conn) // and with it the transaction, after an error
	if err := conn.QueryRowContext(ctx, "select coalesce(max(unfilled), 0) from data_columns").Scan(&behind); err != nil || behind == 0 {
		return 0, 0, err
	}
	first = max(behind-fillRows, 0)
	var set []string
	for _, c := range db.columns {
		var due bool
		if err := conn.QueryRowContext(ctx, "select unfilled > ? from data_columns where name = ?", first, c.Name).Scan(&due); err != nil {
			return 0, 0, err
		}
		if due {
			set = append(set, c.ident()+" = "+c.value("data"))
		}
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf(`begin;
		update beacons set %s where rowid >= %d and rowid < %d;
		update data_columns set unfilled = %[2]d where unfilled > %[2]d;
		commit`, strings.Join(set, ", "), first, behind))
	return behind, first, err
}
