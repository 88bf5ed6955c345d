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
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

const (
	// A row group ends at so many rows, or bytes before compression.
	groupRows  = 128 << 10
	groupBytes = 32 << 20
	// An engine has so many rows of a row group in memory at a time, in every step of a query. A row
	// group ends before these have more than vectorBytes, or with one row that has more.
	vectorRows  = 2048
	vectorBytes = 8 << 20
	// batchRows is how many rows are handed on together.
	batchRows = 64

	pageBytes = 256 << 10
)

// A fileWriter writes one file. It is for one goroutine.
type fileWriter struct {
	l     *layout
	name  string
	path  string
	file  *os.File
	out   *bufio.Writer
	sum   hash.Hash
	pq    *parquet.GenericWriter[any]
	all   extent
	group struct{ rows, bytes, vector int64 } // since the last row group; vector is the bytes of the last vectorRows
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
	w := &fileWriter{l: l, name: name, path: f.Name(), file: f, sum: sha256.New()}
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

// writeGroups adds row groups of other files. One that is alone is copied as it is; others become
// one. The caller adds their extent.
func (w *fileWriter) writeGroups(groups []parquet.RowGroup) error {
	if err := w.endGroup(); err != nil {
		return err
	}
	if _, err := w.pq.WriteRowGroup(parquet.MultiRowGroup(groups...)); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// finish ends the file and returns its description. sync makes its bytes durable; its name is
// durable when the folder is synced. After an error the file is deleted.
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
		os.Remove(w.path)
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
	os.Remove(w.path)
}

// digest is the SHA-256 of a file as it is on disk.
func digest(f *os.File) (string, error) {
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, f, make([]byte, 256<<10)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
