package table

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

const (
	// The limits of a row group: rows, and bytes before compression.
	groupRows  = 128 << 10
	groupBytes = 32 << 20
	// In each step of a query DuckDB has vectorRows rows of a row group in memory. A row group
	// therefore ends before a vector of it has more than vectorBytes. A larger row is alone in its
	// row group.
	vectorRows  = 2048
	vectorBytes = 8 << 20
	// batchRows is how many rows one call of write or of a reader's function gets.
	batchRows = 64

	pageBytes = 256 << 10
)

// A fileWriter writes one Parquet file. It is for one goroutine.
type fileWriter struct {
	l     *layout
	name  string
	file  *os.File
	out   *bufio.Writer
	sum   hash.Hash
	pq    *parquet.GenericWriter[any]
	all   extent
	group struct{ rows, bytes, vector int64 } // since the last row group ended; vector is the bytes in its last vector
}

// An extent describes a set of rows.
type extent struct {
	rows         int64
	first, last  int64 // received_at, in microseconds
	minID, maxID uuid.UUID
}

func (e *extent) add(o extent) {
	if e.rows == 0 {
		*e = o
		return
	}
	e.rows += o.rows
	e.first, e.last = min(e.first, o.first), max(e.last, o.last)
	if bytes.Compare(o.minID[:], e.minID[:]) < 0 {
		e.minID = o.minID
	}
	if bytes.Compare(o.maxID[:], e.maxID[:]) > 0 {
		e.maxID = o.maxID
	}
}

// newFile begins a file. The caller calls either finish or discard.
func newFile(dir, name string, l *layout) (*fileWriter, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write table: %w", err)
	}
	w := &fileWriter{l: l, name: name, file: f, sum: sha256.New()}
	w.out = bufio.NewWriterSize(io.MultiWriter(f, w.sum), 256<<10)
	w.pq = parquet.NewGenericWriter[any](w.out, l.schema,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.PageBufferSize(pageBytes),
		parquet.MaxRowsPerRowGroup(groupRows),
		parquet.CreatedBy("beacon", "1", ""))
	return w, nil
}

// write adds rows. Their bytes may change when it returns.
func (w *fileWriter) write(rows []parquet.Row) error {
	from := 0
	for i, r := range rows {
		id, at := uuid.UUID(r[w.l.id].ByteArray()), r[w.l.at].Int64()
		w.all.add(extent{1, at, at, id, id})
		size := int64(0)
		for _, v := range r {
			if v.Kind() == parquet.ByteArray {
				size += int64(len(v.ByteArray()))
			}
		}
		if w.group.rows%vectorRows == 0 {
			w.group.vector = 0
		}
		full := w.group.rows == groupRows || w.group.bytes >= groupBytes || w.group.vector+size > vectorBytes
		if full && w.group.rows > 0 {
			if err := w.writeRows(rows[from:i]); err != nil {
				return err
			}
			if err := w.endGroup(); err != nil {
				return err
			}
			from = i
		}
		w.group.rows++
		w.group.bytes += size
		w.group.vector += size
	}
	return w.writeRows(rows[from:])
}

// writePending adds pending rows.
func (w *fileWriter) writePending(rows []pendingRow) error {
	batch := w.l.rows(batchRows)
	for some := range slices.Chunk(rows, batchRows) {
		for i := range some {
			w.l.unpack(batch[i], some[i].packed)
		}
		if err := w.write(batch[:len(some)]); err != nil {
			return err
		}
	}
	return nil
}

func (w *fileWriter) writeRows(rows []parquet.Row) error {
	if _, err := w.pq.WriteRows(rows); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func (w *fileWriter) endGroup() error {
	w.group.rows, w.group.bytes, w.group.vector = 0, 0, 0
	if err := w.pq.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// writeGroups adds row groups of other files as one row group. A single one is copied without decoding
// it. The caller adds their extent.
func (w *fileWriter) writeGroups(groups []parquet.RowGroup) error {
	if err := w.endGroup(); err != nil {
		return err
	}
	if _, err := w.pq.WriteRowGroup(parquet.MultiRowGroup(groups...)); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// finish completes the file and returns its description. With sync its bytes are durable; its name is
// durable after the folder is synced. After an error the file is deleted.
func (w *fileWriter) finish(sync bool, now time.Time) (f File, err error) {
	err = w.pq.Close()
	if err == nil {
		err = w.out.Flush()
	}
	if err == nil && sync {
		err = w.file.Sync()
	}
	if err == nil {
		f.Bytes, err = w.file.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, w.file.Close()); err != nil {
		os.Remove(w.file.Name())
		return File{}, fmt.Errorf("write table: %w", err)
	}
	f.Name, f.Columns = w.name, w.l.declared
	f.SHA256 = hex.EncodeToString(w.sum.Sum(nil))
	f.Made = now.UTC().Truncate(time.Second)
	f.Rows, f.MinID, f.MaxID = w.all.rows, w.all.minID, w.all.maxID
	f.First, f.Last = time.UnixMicro(w.all.first).UTC(), time.UnixMicro(w.all.last).UTC()
	return f, nil
}

// discard deletes the file.
func (w *fileWriter) discard() {
	w.file.Close()
	os.Remove(w.file.Name())
}

// checksum returns the SHA-256 of b in hexadecimal.
func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// digest returns the SHA-256 of a file in hexadecimal.
func digest(f *os.File) (string, error) {
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, f, make([]byte, 256<<10)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
