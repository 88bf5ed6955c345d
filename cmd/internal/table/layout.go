package table

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/collect/row"
)

// A layout is the list of columns of a new file: those of every table and the declared ones. A file
// has them in the order of their names.
type layout struct {
	schema   *parquet.Schema
	columns  []leaf
	getters  []getter
	own      []int    // the index in columns of each field
	derived  []int    // and of each declared column
	later    []int    // and of each laterColumn
	declared []string // identities of the declared columns and names of laterColumns, sorted
	// The index in columns of some fields.
	id, at, stream, userAgent, data, bot int
}

// A leaf is a column of a file.
type leaf struct {
	name    string
	kind    parquet.Kind
	defined int // the definition level of a value that is not NULL
}

func newLayout(declared []Column) (*layout, error) {
	group := parquet.Group{}
	for _, f := range fields {
		group[f.name] = f.node
	}
	l := &layout{}
	for _, c := range declared {
		g, err := c.compile()
		if err != nil {
			return nil, err
		}
		l.getters = append(l.getters, g)
		l.declared = append(l.declared, identity(c))
		group[c.Name] = declaredNodes[c.Type]
	}
	for _, c := range laterColumns {
		l.declared = append(l.declared, c.name)
	}
	slices.Sort(l.declared)
	l.schema = parquet.NewSchema("beacons", group)
	at := map[string]int{}
	for i, path := range l.schema.Columns() {
		name := path[0]
		at[name] = i
		c := leaf{name: name, kind: group[name].Type().Kind()}
		if group[name].Optional() {
			c.defined = 1
		}
		l.columns = append(l.columns, c)
	}
	for _, f := range fields {
		l.own = append(l.own, at[f.name])
	}
	for _, c := range declared {
		l.derived = append(l.derived, at[c.Name])
	}
	for _, c := range laterColumns {
		l.later = append(l.later, at[c.name])
	}
	l.id, l.at, l.stream, l.userAgent, l.data, l.bot = at["id"], at["received_at"], at["stream"], at["user_agent"], at["data"], at["bot"]
	return l, nil
}

// identity returns [STREAM ]NAME:TYPE=PATH of a declared column: all that its values depend on. A stream has no spaces,
// and begins with a slash as no name does.
func identity(c Column) string {
	text := c.Name + ":" + c.Type + "=" + c.Path
	if c.Stream != "" {
		text = c.Stream + " " + text
	}
	return text
}

// rows returns n rows of NULLs.
func (l *layout) rows(n int) []parquet.Row {
	values := make([]parquet.Value, n*len(l.columns))
	rows := make([]parquet.Row, n)
	for i := range rows {
		rows[i] = values[i*len(l.columns) : (i+1)*len(l.columns) : (i+1)*len(l.columns)]
	}
	return rows
}

// fill sets values to those of r, in the order of the files' columns. They share memory with r.
func (l *layout) fill(values parquet.Row, r *row.Row) {
	for i := range fields {
		values[l.own[i]] = fields[i].value(r)
	}
	l.derive(values, bytesOf(r.Stream), r.Data)
}

// derive sets the declared columns from the stream and data, which may be nil.
func (l *layout) derive(values parquet.Row, stream, data []byte) {
	for i, g := range l.getters {
		values[l.derived[i]] = g.value(stream, data)
	}
}

// level returns the value with the column index and the levels that a file needs.
func (l *layout) level(v parquet.Value, column int) parquet.Value {
	if v.IsNull() {
		return v.Level(0, 0, column)
	}
	return v.Level(0, l.columns[column].defined, column)
}

// pack appends a row as bytes without references to other memory.
func (l *layout) pack(b []byte, values parquet.Row) []byte {
	for i, v := range values {
		if v.IsNull() {
			b = append(b, 0)
			continue
		}
		switch l.columns[i].kind {
		case parquet.Boolean:
			b = append(b, 1, byte(v.Uint64()))
		case parquet.Int64, parquet.Double:
			b = binary.LittleEndian.AppendUint64(append(b, 1), v.Uint64())
		default:
			text := v.ByteArray()
			b = append(binary.AppendUvarint(b, uint64(len(text))+1), text...)
		}
	}
	return b
}

// unpack sets values to a packed row. They share memory with b.
func (l *layout) unpack(values parquet.Row, b []byte) {
	for i := range values {
		n, size := binary.Uvarint(b)
		b = b[size:]
		var v parquet.Value
		if n > 0 {
			switch l.columns[i].kind {
			case parquet.Boolean:
				v, b = parquet.BooleanValue(b[0] != 0), b[1:]
			case parquet.Int64:
				v, b = parquet.Int64Value(int64(binary.LittleEndian.Uint64(b))), b[8:]
			case parquet.Double:
				v, b = parquet.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(b))), b[8:]
			case parquet.FixedLenByteArray:
				v, b = parquet.FixedLenByteArrayValue(b[:n-1]), b[n-1:]
			default:
				v, b = parquet.ByteArrayValue(b[:n-1]), b[n-1:]
			}
		}
		values[i] = l.level(v, i)
	}
}
