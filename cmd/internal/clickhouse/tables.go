package clickhouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// A tableDefinition is a table that the sink makes.
type tableDefinition struct {
	suffix  string
	columns []column
	engine  string // from the engine's name to the settings
	needs   string // what the name of the engine must have
}

// definition returns the tables, the raw one first.
func (s *schema) definition() []tableDefinition {
	return []tableDefinition{
		// The window is 0 by default, and then the token of an INSERT does nothing.
		{"_raw", s.raw(), "ReplacingMergeTree(log_version) PARTITION BY toYYYYMM(received_at) ORDER BY (toDate(received_at), id) SETTINGS non_replicated_deduplication_window = 10000", "ReplacingMergeTree"},
		{"_positions", positionColumns, "ReplacingMergeTree(next) ORDER BY (topic, topic_id, log_partition)", "MergeTree"},
		{"_erased", erasedColumns, "ReplacingMergeTree ORDER BY id", "MergeTree"},
		{"_dead", deadColumns, "ReplacingMergeTree ORDER BY (topic_id, log_partition, log_offset)", "MergeTree"},
	}
}

var (
	positionColumns = []column{{name: "topic", typ: "String"}, {name: "topic_id", typ: "String"}, {name: "log_partition", typ: "Int32"},
		{name: "next", typ: "UInt64"}, {name: "until", typ: "UInt64"}, {name: "written_at", typ: instant}}
	erasedColumns = []column{{name: "id", typ: "UUID"}, {name: "erased_at", typ: instant}}
	deadColumns   = []column{{name: "topic_id", typ: "String"}, {name: "log_partition", typ: "Int32"}, {name: "log_offset", typ: "Int64"},
		{name: "ids", typ: "Array(UUID)"}, {name: "reason", typ: "String"}, {name: "record", typ: "String"}, {name: "refused_at", typ: instant}}
)

// A SchemaError is a table or a view that the sink can't use, and does not change.
type SchemaError struct{ text string }

func (e *SchemaError) Error() string { return e.text }

// prepare makes the tables and the view, and adds columns that are missing. It changes only what it has to, so that a
// user with the rights to read and insert is enough where the tables exist. A *SchemaError means that a person has to
// act.
func (s *schema) prepare(ctx context.Context, c *client) error {
	t := c.target
	if err := checkDatabase(ctx, c); err != nil {
		return err
	}
	types, err := columnTypes(ctx, c)
	if err != nil {
		return err
	}
	engines, comments, err := tablesOf(ctx, c)
	if err != nil {
		return err
	}
	for _, d := range s.definition() {
		table := t.View + d.suffix
		engine, exists := engines[table]
		if !exists {
			statement := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s) ENGINE = %s", t.table(d.suffix), definitions(d.columns), d.engine)
			if err := c.run(ctx, queryTimeout, statement, nil); err != nil {
				return err
			}
			continue
		}
		if !strings.Contains(engine, d.needs) {
			return &SchemaError{fmt.Sprintf("%s.%s has the engine %s, and has to be a %s\nhint: rename or drop it, or name another view, such as clickhouse://%s/%s.beacons2", t.Database, table, engine, d.needs, t.Host, t.Database)}
		}
		if err := addColumns(ctx, c, d, types[table]); err != nil {
			return err
		}
	}
	return s.prepareView(ctx, c, engines, comments)
}

func checkDatabase(ctx context.Context, c *client) error {
	rows, err := c.query(ctx, "SELECT count() FROM system.databases WHERE name = "+literal(c.target.Database)+" FORMAT TabSeparated")
	if err == nil && rows[0][0] == "0" {
		err = &Error{Code: unknownDatabase, Text: "database " + c.target.Database + " does not exist"}
	}
	return err
}

// columnTypes returns the types of the columns of the database's tables, by table and name.
func columnTypes(ctx context.Context, c *client) (map[string]map[string]string, error) {
	rows, err := c.query(ctx, "SELECT table, name, type FROM system.columns WHERE database = "+literal(c.target.Database)+" FORMAT TabSeparated")
	if err != nil {
		return nil, err
	}
	types := map[string]map[string]string{}
	for _, r := range rows {
		if types[r[0]] == nil {
			types[r[0]] = map[string]string{}
		}
		types[r[0]][r[1]] = unescape(r[2])
	}
	return types, nil
}

// tablesOf returns the engines and the comments of the database's tables and views, by name.
func tablesOf(ctx context.Context, c *client) (engines, comments map[string]string, err error) {
	rows, err := c.query(ctx, "SELECT name, engine, comment FROM system.tables WHERE database = "+literal(c.target.Database)+" FORMAT TabSeparated")
	engines, comments = map[string]string{}, map[string]string{}
	for _, r := range rows {
		engines[r[0]], comments[r[0]] = r[1], r[2]
	}
	return engines, comments, err
}

// unescape undoes TabSeparated's escapes of a type.
func unescape(s string) string { return strings.ReplaceAll(s, `\'`, "'") }

// addColumns adds the columns that a table lacks. It returns a *SchemaError for one of another type.
func addColumns(ctx context.Context, c *client, d tableDefinition, types map[string]string) error {
	for _, column := range d.columns {
		switch have, exists := types[column.name]; {
		case have == column.typ:
		case exists:
			return &SchemaError{fmt.Sprintf("column %s of %s.%s is %s, and has to be %s\nhint: give the column another name with --column NAME:TYPE=PATH, or change the table: ALTER TABLE %s MODIFY COLUMN %s %s",
				column.name, c.target.Database, c.target.View+d.suffix, have, column.typ, c.target.table(d.suffix), ident(column.name), column.typ)}
		default:
			statement := fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s %s", c.target.table(d.suffix), ident(column.name), column.typ)
			if err := c.run(ctx, queryTimeout, statement, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// viewMark begins the comment of a view of the sink.
const viewMark = "made by beacon, do not change: "

// prepareView makes the view, or replaces one of another definition. The view's comment says what its definition was.
func (s *schema) prepareView(ctx context.Context, c *client, engines, comments map[string]string) error {
	t := c.target
	definition := s.viewSQL(t)
	sum := sha256.Sum256([]byte(definition))
	comment := viewMark + hex.EncodeToString(sum[:8])
	switch engine, exists := engines[t.View]; {
	case exists && (engine != "View" || !strings.HasPrefix(comments[t.View], viewMark)):
		return &SchemaError{fmt.Sprintf("%s.%s exists, and this command did not make it\nhint: rename it, or name another view, such as clickhouse://%s/%s.beacons2", t.Database, t.View, t.Host, t.Database)}
	case comments[t.View] == comment:
		return nil
	}
	return c.run(ctx, queryTimeout, fmt.Sprintf("CREATE OR REPLACE VIEW %s AS %s COMMENT %s", t.table(""), definition, literal(comment)), nil)
}

// now is the time in a column that says when something was written.
func now() int64 { return time.Now().UnixMicro() }
