//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// ownColumns are those that the table has whatever is declared, with the types in which rows
// are handed over. JSON goes as text: one value that Go's parser accepts and the engine's
// doesn't must not spoil a whole batch.
var ownColumns = []struct {
	name, sql string
	typ       duckdb.Type
}{
	{"id", "uuid", duckdb.TYPE_UUID},
	{"received_at", "timestamptz", duckdb.TYPE_TIMESTAMP_TZ},
	{"sent_at", "timestamptz", duckdb.TYPE_TIMESTAMP_TZ},
	{"stream", "varchar", duckdb.TYPE_VARCHAR},
	{"query", "varchar", duckdb.TYPE_VARCHAR},
	{"origin", "varchar", duckdb.TYPE_VARCHAR},
	{"referrer", "varchar", duckdb.TYPE_VARCHAR},
	{"user_agent", "varchar", duckdb.TYPE_VARCHAR},
	{"ip", "varchar", duckdb.TYPE_VARCHAR},
	{"content_type", "varchar", duckdb.TYPE_VARCHAR},
	{"kind", "varchar", duckdb.TYPE_VARCHAR},
	{"body", "blob", duckdb.TYPE_BLOB},
	{"data", "varchar", duckdb.TYPE_VARCHAR},
	{"error", "varchar", duckdb.TYPE_VARCHAR},
	{"bot", "boolean", duckdb.TYPE_BOOLEAN},
}

// insertBatch has its end where more columns can follow.
const insertBatch = `
insert into beacons by name
from batch anti join known using (id)
select id, received_at, sent_at, stream, query, origin, referrer, user_agent, ip, content_type, kind, body,
	try_cast(data as json) as data,
	coalesce(error, case when data is not null and try_cast(data as json) is null
		then 'the engine can''t hold this JSON, which may have half a surrogate pair in it' end) as error,
	bot`

// There is no index of the ids: it would be a third of the file, make a row's deletion a
// thousand times as dear, and keep its room from being used again. Which of a batch are in
// the table a join finds, for which the engine reads only the row groups whose least and
// greatest id are right: few, where the ids are UUIDv7.
const (
	createKnown = `create or replace temp table known (id uuid)`
	findKnown   = `insert into known select id from beacons semi join (select unnest(string_split(?, ','))::uuid as id) using (id)`
)

// values are the row as ownColumns has it, with NULL for an empty string that may be one.
func values(r *row.Row) []driver.Value {
	text := func(s string) driver.Value {
		if s == "" {
			return nil
		}
		return s
	}
	v := []driver.Value{
		duckdb.UUID(r.ID), r.ReceivedAt, nil, r.Stream, text(r.Query), text(r.Origin), text(r.Referrer),
		text(r.UserAgent), text(r.IP), text(r.ContentType), r.Kind, []byte(r.Body), nil, text(r.Error), r.Bot,
	}
	if !r.SentAt.IsZero() {
		v[2] = r.SentAt
	}
	if r.Data != nil {
		v[12] = string(r.Data)
	}
	return v
}

// hold has the table for a transaction, with the memory that it may take, until the returned
// function is called.
func (d *drain) hold() (letGo func()) {
	d.db.writing.Lock()
	if d.memory == restMemory {
		return d.db.writing.Unlock
	}
	rest := d.db.take(d.memory)
	return func() {
		rest()
		d.db.writing.Unlock()
	}
}

// store writes first and what follows it to the table, with the place behind the last
// one, in one transaction.
func (d *drain) store(ctx context.Context, first spool.Item) (next spool.Cursor, err error) {
	defer d.hold()()
	if _, err := d.conn.ExecContext(ctx, "begin"); err != nil {
		return next, err
	}
	if d.limit == 1 {
		next, err = d.insertOne(ctx, first)
	} else {
		err = d.conn.Raw(func(conn any) (err error) {
			next, err = d.append(ctx, conn.(*duckdb.Conn), first)
			return err
		})
	}
	if err == nil {
		_, err = d.conn.ExecContext(ctx, `update cursors set segment = ?, "offset" = ? where sink = ?`, next.Segment, next.Offset, sinkName)
	}
	if err == nil {
		_, err = d.conn.ExecContext(ctx, "commit")
	}
	// After an error the connection is given up, and the transaction with it.
	return next, err
}

func (d *drain) append(ctx context.Context, conn *duckdb.Conn, it spool.Item) (next spool.Cursor, err error) {
	names, types := make([]string, len(ownColumns)), make([]duckdb.TypeInfo, len(ownColumns))
	for i, c := range ownColumns {
		names[i] = c.name
		if types[i], err = duckdb.NewTypeInfo(c.typ); err != nil {
			return next, err
		}
	}
	batch, err := duckdb.NewQueryAppender(conn, d.db.insert, "batch", types, names)
	if err != nil {
		return next, err
	}
	// Of equal ids the first counts. Those in the table are the engine's to know, but
	// within one batch it would take any.
	seen := map[uuid.UUID]bool{}
	for {
		d.count(it)
		for _, r := range rowsOf(it) {
			if seen[r.ID] {
				continue
			}
			seen[r.ID] = true
			d.countRow(&r)
			if err := batch.AppendRow(values(&r)...); err != nil {
				batch.Clear()
				batch.Close()
				return next, fmt.Errorf("row %s: %w", r.ID, err)
			}
		}
		next = it.Next
		if d.beacons >= d.limit || len(seen) >= maxRows || d.bytes >= maxBytes {
			break
		}
		// io.EOF and whatever else will come again in the next step.
		var end error
		if it, end = d.reader.TryNext(); end != nil {
			break
		}
	}
	ids := make([]string, 0, len(seen))
	for id := range seen {
		ids = append(ids, id.String())
	}
	if err := know(ctx, conn, ids); err != nil {
		batch.Clear()
		batch.Close()
		return next, err
	}
	return next, batch.Close()
}

func rowsOf(it spool.Item) []row.Row {
	if it.Damage != nil {
		return []row.Row{damaged(it)}
	}
	return row.Rows(&it.Record)
}

func (d *drain) count(it spool.Item) {
	d.beacons++
	d.size += it.Next.Offset - it.At.Offset
}

func (d *drain) countRow(r *row.Row) {
	d.rows++
	d.bytes += int64(len(r.Body) + len(r.Data))
	d.group.last, d.group.at = r.ID, r.ReceivedAt
}

// know has the table known hold those of the ids that are in the table.
func know(ctx context.Context, conn *duckdb.Conn, ids []string) error {
	_, err := conn.ExecContext(ctx, createKnown, nil)
	if err == nil {
		_, err = conn.ExecContext(ctx, findKnown, []driver.NamedValue{{Ordinal: 1, Value: strings.Join(ids, ",")}})
	}
	if err != nil {
		err = fmt.Errorf("look for ids: %w", err)
	}
	return err
}

// insertOne stores a beacon without the appender, whose errors have no type.
func (d *drain) insertOne(ctx context.Context, it spool.Item) (spool.Cursor, error) {
	d.count(it)
	for _, r := range rowsOf(it) {
		d.countRow(&r)
		if d.blame != "" {
			r.Data, r.Error = nil, strings.ToValidUTF8(d.blame, "\uFFFD")
		}
		var args []any
		var batch []string
		for i, v := range values(&r) {
			args = append(args, v)
			batch = append(batch, fmt.Sprintf("?::%s as %s", ownColumns[i].sql, ownColumns[i].name))
		}
		args[0] = r.ID.String()
		if err := d.conn.Raw(func(conn any) error {
			return know(ctx, conn.(*duckdb.Conn), []string{r.ID.String()})
		}); err != nil {
			return it.Next, err
		}
		text := strings.Replace(d.db.insert, "from batch", "from (select "+strings.Join(batch, ", ")+") as batch", 1)
		if _, err := d.conn.ExecContext(ctx, text, args...); err != nil {
			return it.Next, err
		}
	}
	return it.Next, nil
}

// discard closes conn and the engine's connection below it, instead of giving that to
// the next one who asks. A transaction that is open on it is rolled back.
func discard(conn *sql.Conn) {
	conn.Raw(func(any) error { return driver.ErrBadConn })
	conn.Close()
}
