package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/seed-d051cf5a/beacon/cmd/internal/script"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
)

// tableOptions are the flags about the table and its queries.
type tableOptions struct {
	queryTimeout time.Duration
	queryMemory  sizeFlag
	maxAge       ageFlag
	maxTable     sizeFlag
	maxInbox     sizeFlag
	columns      []string // as they were written
	script       string   // the stream of the browser script's events
	schemas      []string
}

const (
	defaultMaxInbox     = 1 << 30   // bytes
	defaultQueryMemory  = 256 << 20 // bytes
	defaultQueryTimeout = 30 * time.Second
)

func (o *tableOptions) flags(f *pflag.FlagSet) {
	o.maxInbox, o.queryMemory = defaultMaxInbox, defaultQueryMemory
	f.DurationVar(&o.queryTimeout, "query-timeout", defaultQueryTimeout, "the longest time that a query may take")
	f.Var(&o.queryMemory, "query-memory", "the memory of a query's process; four run at most")
	f.Var(&o.maxAge, "max-age", "delete beacons this long after they were received, such as 90d; without it they stay")
	f.Var(&o.maxTable, "max-table", "delete the oldest rows when the table's files take more of the disk, such as 50GiB")
	f.Var(&o.maxInbox, "max-inbox", "how much of the inbox to keep that is in the table, for an export as WARC")
	f.StringArrayVar(&o.schemas, "schema", nil, "`STREAM=FILE`: rows of the stream whose data does not match the JSON Schema in the file get the reason in error; nothing is refused; may be repeated")
	f.StringArrayVar(&o.columns, "column", nil, "`NAME:TYPE[=PATH]` of a field of data that gets a column of its own, such as value:double or lcp:double=$.metrics.lcp; the types are double, bigint, boolean, timestamp and varchar; may be repeated; a column that is left out is dropped")
}

// check refuses values that make no sense.
func (o *tableOptions) check() error {
	switch {
	case o.queryTimeout < 100*time.Millisecond:
		return errors.New("--query-timeout is 100ms at least: write it like 30s or 5m")
	case o.maxAge > 0 && time.Duration(o.maxAge) < time.Minute:
		return errors.New("--max-age is one minute at least, because it deletes all older beacons: write it like 90d")
	case o.queryMemory < 64<<20:
		return errors.New("--query-memory is 64MiB at least")
	}
	return nil
}

// declared returns the columns of --column, and those of the browser script that have no column of the same name there.
func (o *tableOptions) declared() (columns []table.Column, err error) {
	for _, text := range o.columns {
		c, err := table.ParseColumn(text, table.OwnColumns())
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	own := columns
	for _, text := range script.Columns {
		c, err := table.ParseColumn(text, table.OwnColumns())
		if err != nil {
			return nil, err
		}
		c.Stream = o.script
		if !slices.ContainsFunc(own, func(o table.Column) bool { return strings.EqualFold(o.Name, c.Name) }) {
			columns = append(columns, c)
		}
	}
	return columns, table.CheckColumns(columns)
}
