package query

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// A Format is the file format of an export.
type Format string

const (
	Parquet Format = "parquet" // with the types of the view
	CSV     Format = "csv"     // the first line has the names; NULL is an empty cell, an empty string is ""
	JSON    Format = "json"    // one object per line
)

// An Export is an open file with all rows. Size is in bytes. It is for one goroutine.
type Export struct {
	*os.File
	Size int64
}

// Close closes and deletes the file.
func (x *Export) Close() error {
	err := x.File.Close()
	if gone := os.Remove(x.Name()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// Export writes the rows of r.View to a file, which the caller closes. It ignores r.SQL and r.Zone. The
// file may take half of the disk's free space, so that the other half is left to the inbox. An export
// ends when ctx does and has no timeout. One export runs at a time; others wait. Errors have the kinds
// of Query's errors, and ErrFormat.
func (p *Pool) Export(ctx context.Context, r Request, format Format) (*Export, error) {
	x, err := p.export(ctx, r, format)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return x, nil
}

func (p *Pool) export(ctx context.Context, r Request, format Format) (*Export, error) {
	if format != Parquet && format != CSV && format != JSON {
		return nil, failed(ErrFormat, "unknown format %q: write parquet, csv or json", format)
	}
	if !Available {
		return nil, errNoEngine
	}
	select {
	case p.exporting <- struct{}{}:
		defer func() { <-p.exporting }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another export to end: %w", context.Cause(ctx))
	}
	release, err := p.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	free, err := spool.Free(p.o.Temp)
	if err != nil {
		return nil, fmt.Errorf("read free space: %w", err)
	}
	// The child writes the file in its own folder, the only one that it may write to.
	rows, err := p.ask(ctx, question{View: r.View, Format: format, File: "export." + string(format)}, free/2)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return p.keep(filepath.Join(rows.proc.temp, "export."+string(format)), format)
}

// keep moves the file out of the process's folder, which is deleted with the process.
func (p *Pool) keep(from string, format Format) (*Export, error) {
	f, err := os.CreateTemp(p.o.Temp, exportPrefix+"*."+string(format))
	if err != nil {
		return nil, err
	}
	// On Windows an open file can't be replaced.
	if err = f.Close(); err == nil {
		err = os.Rename(from, f.Name())
	}
	if err != nil {
		os.Remove(f.Name())
		return nil, err
	}
	if f, err = os.Open(f.Name()); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Export{f, info.Size()}, nil
}
