package table

import (
	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
)

// A pendingRow is a row that no file of the manifest has.
type pendingRow struct {
	packed []byte
	id     uuid.UUID
	at     int64 // received_at, in microseconds
	lookUp bool  // it is imported or comes again, and is not looked up yet
}

// pendingRows are packed into a few large pieces of memory, which are reused after a flush. The
// garbage collector then has few objects to scan.
type pendingRows struct {
	layout  *layout
	rows    []pendingRow
	bytes   int64
	lookUps int // how many rows are not looked up yet

	packed []byte // a buffer of add
	pieces [][]byte
	used   int // pieces that have rows in them
}

// pieceBytes is the size of a piece of memory. A row that is larger gets a piece of its own.
const pieceBytes = 1 << 20

// add appends a copy of the row.
func (p *pendingRows) add(values parquet.Row, lookUp bool) {
	p.packed = p.layout.pack(p.packed[:0], values)
	r := pendingRow{
		packed: p.allocate(len(p.packed)),
		id:     uuid.UUID(values[p.layout.id].ByteArray()),
		at:     values[p.layout.at].Int64(),
		lookUp: lookUp,
	}
	copy(r.packed, p.packed)
	p.rows = append(p.rows, r)
	p.bytes += int64(len(r.packed))
	if lookUp {
		p.lookUps++
	}
	if cap(p.packed) > pieceBytes {
		p.packed = nil // few rows need such a large buffer
	}
}

// allocate returns n bytes, which are valid until clear.
func (p *pendingRows) allocate(n int) []byte {
	if n > pieceBytes {
		return make([]byte, n)
	}
	if p.used == 0 || len(p.pieces[p.used-1])+n > pieceBytes {
		if p.used == len(p.pieces) {
			p.pieces = append(p.pieces, make([]byte, 0, pieceBytes))
		}
		p.pieces[p.used] = p.pieces[p.used][:0]
		p.used++
	}
	piece := &p.pieces[p.used-1]
	from := len(*piece)
	*piece = (*piece)[:from+n]
	return (*piece)[from : from+n : from+n]
}

// clear removes the rows. It keeps as much memory as they used.
func (p *pendingRows) clear() {
	clear(p.pieces[p.used:])
	p.pieces = p.pieces[:p.used]
	if len(p.rows) < cap(p.rows)/4 {
		p.rows = nil
	}
	clear(p.rows)
	p.rows, p.bytes, p.lookUps, p.used = p.rows[:0], 0, 0, 0
}
