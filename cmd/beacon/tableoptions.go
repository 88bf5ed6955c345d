package main

import (
	"time"

	"github.com/spf13/pflag"
)

// engineOptions say what the table has, and bound what it takes of the machine.
type engineOptions struct {
	queryTimeout time.Duration
	maxAge       ageFlag
	maxTable     sizeFlag
	maxInbox     sizeFlag
	columns      []string // as they were written
}

const (
	defaultMaxInbox     = 1 << 30 // bytes
	defaultQueryTimeout = 30 * time.Second
)

func (o *engineOptions) flags(f *pflag.FlagSet) {
	o.maxInbox = defaultMaxInbox
	f.DurationVar(&o.queryTimeout, "query-timeout", defaultQueryTimeout, "the longest that a query may take")
	f.Var(&o.maxAge, "max-age", "delete beacons so long after they were received, such as 90d; without it they stay")
	f.Var(&o.maxTable, "max-table", "delete the oldest rows when the table takes more of the disk, such as 50GiB")
	f.Var(&o.maxInbox, "max-inbox", "keep so much of the inbox that is in the table, for an export as WARC")
	f.StringArrayVar(&o.columns, "column", nil, "`NAME:TYPE[=PATH]` of a field of data that gets a column of its own, such as value:double or lcp:double=$.metrics.lcp; the types are double, bigint, boolean and varchar; may be repeated; a column that is left out is dropped")
}
