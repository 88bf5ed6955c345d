//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package convert

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	engine "github.com/duckdb/duckdb-go-bindings"
	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
)

// memoryLimit bounds the engine's buffers. It reads one part of the file at a time.
const memoryLimit = "256MiB"

// An oldTable is the old file, opened read-only. The engine also reads the write-ahead log beside it,
// which a killed collector leaves.
type oldTable struct {
	db    engine.Database
	conn  engine.Connection
	where string // the condition of rows that are beacons
	bot   string // the expression for the column: NULL in a file that does not have it
	frame []byte
}

const dayMicros = 86_400_000_000

func openOld(path string) (*oldTable, error) {
	o := &oldTable{where: "true", bot: "null::boolean"}
	var config engine.Config
	if engine.CreateConfig(&config) != engine.StateSuccess {
		return nil, errors.New("create configuration")
	}
	defer engine.DestroyConfig(&config)
	for _, option := range [][2]string{
		{"access_mode", "READ_ONLY"},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"memory_limit", memoryLimit},
		{"temp_directory", path + ".tmp"},
		{"threads", "1"}, // so that rows come in their order
	} {
		if engine.SetConfig(config, option[0], option[1]) != engine.StateSuccess {
			return nil, fmt.Errorf("set %s to %q", option[0], option[1])
		}
	}
	var text string
	if engine.OpenExt(path, &o.db, config, &text) != engine.StateSuccess {
		return nil, errors.New(text)
	}
	if engine.Connect(o.db, &o.conn) != engine.StateSuccess {
		return nil, errors.New("connect")
	}
	return o, nil
}

// describe returns the header, and the sorted numbers of the days that have rows. Day 0 is
// 1970-01-01 UTC.
func (o *oldTable) describe() (h header, days []int64, err error) {
	there := map[string]bool{}
	err = o.query(`select table_name || '.' || column_name from duckdb_columns() where not internal and schema_name = 'main'`, func(c *chunk) error {
		for i := range c.rows {
			there[string(c.text(0, i))] = true
		}
		return nil
	})
	switch {
	case err != nil:
		return h, nil, err
	case len(there) == 0:
		return h, nil, nil // the collector was killed before it made the tables
	case !there["beacons.id"]:
		return h, nil, errors.New("it has other tables and no table beacons")
	}
	if there["beacons.bot"] {
		o.bot = "bot"
	}
	padding := false
	if there["padding.id"] {
		err = o.query(`select 1 from padding limit 1`, func(*chunk) error { padding = true; return nil })
	}
	if padding {
		o.where = "not (kind = 'padding' and id in (from padding))"
	}
	if err == nil && there["cursors.sink"] {
		err = o.query(`select segment, "offset" from cursors where sink = 'duckdb'`, func(c *chunk) error {
			h.Segment, h.Offset = string(c.text(0, 0)), c.int(1, 0)
			return nil
		})
	}
	if err == nil {
		err = o.query(`select (used_blocks * block_size)::bigint from pragma_database_size()`, func(c *chunk) error {
			h.Bytes += c.int(0, 0)
			return nil
		})
	}
	if err == nil {
		// The division // rounds towards zero, and % has the sign of the dividend.
		err = o.query(fmt.Sprintf(`select (micros - (micros %% %d + %[1]d) %% %[1]d) // %[1]d as day, count(*)
			from (select epoch_us(received_at) as micros from beacons where %s) group by day order by day`, dayMicros, o.where), func(c *chunk) error {
			for i := range c.rows {
				days = append(days, c.int(0, i))
				h.Rows += c.int(1, i)
			}
			return nil
		})
	}
	return h, days, err
}

// sendDay sends the rows of a day in the order in which they were stored.
//
// The engine reads 2,048 rows at a time, whose bodies may need more than memoryLimit. sendDay therefore
// sends one query for a day. After an error about memory it sends several queries for fewer rows each.
func (o *oldTable) sendDay(out *bufio.Writer, day int64) error {
	where := fmt.Sprintf("received_at >= make_timestamptz(%d) and received_at < make_timestamptz(%d) and %s", day*dayMicros, (day+1)*dayMicros, o.where)
	var next, last int64 // rowids
	err := o.query(`select min(rowid), max(rowid) from beacons where `+where, func(c *chunk) error {
		next, last = c.int(0, 0), c.int(1, 0)
		return nil
	})
	for step := last - next + 1; err == nil && next <= last; {
		end := next + step
		err = o.sendRows(out, fmt.Sprintf("rowid >= %d and rowid < %d and %s", next, end, where), &next)
		switch {
		case err == nil:
			next = end
		case errors.Is(err, errMemory) && step > 1:
			err, step = nil, max(1, min(step, vectorRows)/4)
		}
	}
	return err
}

const vectorRows = 2048

// sendRows sends the rows that match where. It sets next to the rowid after that of the last row.
func (o *oldTable) sendRows(out *bufio.Writer, where string, next *int64) error {
	sql := fmt.Sprintf(`select rowid, id, received_at, sent_at, %s as bot, %s from beacons where %s`, o.bot, strings.Join(texts[:], ", "), where)
	return o.query(sql, func(c *chunk) error {
		for i := range c.rows {
			o.frame = c.appendRow(query.BeginFrame(o.frame[:0], frameRow), i)
			if len(o.frame) > maxFrame {
				return fmt.Errorf("a row has %d MiB, more than %d", len(o.frame)>>20, maxFrame>>20)
			}
			if _, err := out.Write(query.EndFrame(o.frame)); err != nil {
				return err
			}
			*next = c.int(0, i) + 1
		}
		return nil
	})
}

// errMemory is the error of a query that needs more memory than memoryLimit.
var errMemory = errors.New("the engine needs more memory than its limit")

func resultError(r *engine.Result) error {
	text := engine.ResultError(r)
	if engine.ResultErrorType(r) == engine.ErrorTypeOutOfMemory {
		return fmt.Errorf("%w: %s", errMemory, text)
	}
	return errors.New(text)
}

// query calls use with each chunk of the result as soon as the engine has computed it.
func (o *oldTable) query(sql string, use func(*chunk) error) error {
	var stmt engine.PreparedStatement
	defer engine.DestroyPrepare(&stmt)
	if engine.Prepare(o.conn, sql, &stmt) != engine.StateSuccess {
		return errors.New(engine.PrepareError(stmt))
	}
	var result engine.Result
	defer engine.DestroyResult(&result)
	// DuckDB advises against this call. The others hold the whole result in memory.
	if engine.ExecutePreparedStreaming(stmt, &result) != engine.StateSuccess {
		return resultError(&result)
	}
	for {
		data := engine.FetchChunk(result)
		if data.Ptr == nil {
			break
		}
		var err error
		if c := newChunk(data); c.rows > 0 {
			err = use(c)
		}
		engine.DestroyDataChunk(&data)
		if err != nil {
			return err
		}
	}
	if engine.ResultError(&result) != "" {
		return resultError(&result)
	}
	return nil
}

// A chunk is a part of the rows of a result, in the engine's memory.
type chunk struct {
	rows    uint64
	columns []query.Vector
}

func newChunk(c engine.DataChunk) *chunk {
	all := &chunk{rows: uint64(engine.DataChunkGetSize(c))}
	for i := range engine.DataChunkGetColumnCount(c) {
		all.columns = append(all.columns, query.NewVector(engine.DataChunkGetVector(c, i)))
	}
	return all
}

func (c *chunk) null(column int, row uint64) bool { return c.columns[column].Null(row) }

// int returns 0 for NULL.
func (c *chunk) int(column int, row uint64) int64 {
	if c.null(column, row) {
		return 0
	}
	return *query.At[int64](c.columns[column], row)
}

// text returns nil for NULL.
func (c *chunk) text(column int, row uint64) []byte {
	if c.null(column, row) {
		return nil
	}
	return c.columns[column].Bytes(row)
}

// appendRow appends a row of sendRows' query.
func (c *chunk) appendRow(dst []byte, row uint64) []byte {
	const id, received, sent, bot, firstText = 1, 2, 3, 4, 5
	flags := byte(0)
	if !c.null(sent, row) {
		flags |= flagSent
	}
	switch {
	case c.null(bot, row):
		flags |= flagBotNull
	case *query.At[bool](c.columns[bot], row):
		flags |= flagBot
	}
	if !c.null(firstText+len(texts)-1, row) {
		flags |= flagData
	}
	dst = rowHead(dst, c.uuid(id, row), c.int(received, row), c.int(sent, row), flags)
	for i := range texts {
		dst = rowText(dst, c.text(firstText+i, row))
	}
	return dst
}

// uuid reads a 128-bit integer in the byte order of the machine. The engine inverts its sign bit, so
// that UUIDs are sorted.
func (c *chunk) uuid(column int, row uint64) (id uuid.UUID) {
	halves := query.At[[2]uint64](c.columns[column], row)
	binary.BigEndian.PutUint64(id[:], halves[1]^1<<63)
	binary.BigEndian.PutUint64(id[8:], halves[0])
	return id
}
