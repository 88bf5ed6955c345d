//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A block of the file is used again when nothing of it is in use any more, and can only then be
// overwritten. What a checkpoint writes of several row groups can share blocks. So a row's
// traces are in the blocks of its own row group, in those that this had before a checkpoint wrote
// it anew, and nobody but the blocks' other users keeps them there.

// rowGroups are the row groups, with the rows that each begins with and ends before.
const rowGroups = `with segments as materialized (
	from pragma_storage_info('beacons')
), counted as (
	select row_group_id as id, sum("count")::bigint as n from segments
	where column_name = 'received_at' and segment_type <> 'VALIDITY' group by all
), groups as (
	select id, (sum(n) over (order by id) - n)::bigint as first, sum(n) over (order by id)::bigint as behind from counted
) `

// rememberBlocks keeps for each block that is in use how old the oldest row is that may have a
// trace in it. What is in a block is seen at the beginning of a pass and at its end; of a block
// that is new at the beginning, nobody knows what came and went between two passes. But that was
// of row groups that were written meanwhile, and so not older than the oldest row of these.
func rememberBlocks(beginning bool) string {
	return fmt.Sprintf(`create or replace table block_ages as `+rowGroups+`, ages as (
	select id, min(received_at) as oldest from (select rowid as r, received_at from beacons) asof join groups on r >= first group by all
), used as (
	select block_id, min(oldest) as oldest from segments join ages on row_group_id = id where persistent and block_id >= 0 group by all
), written as (
	select min(oldest) as oldest from ages where %t and exists (from block_ages) and id in (
		select row_group_id from segments where not persistent or block_id >= 0 and block_id not in (select block_id from block_ages))
)
	select block_id, least(used.oldest, coalesce(block_ages.oldest, (select oldest from written))) as oldest
	from used left join block_ages using (block_id)`, beginning)
}

// doomed are the row groups with rows from before a time, or some of them. Where no trace may
// stay, so are those that use a block with traces of such rows.
const doomed = rowGroups + `, old as (
	select distinct id from (select rowid as r from beacons where received_at < $1 limit $2) asof join groups on r >= first
), traced as (
	select block_id from segments where row_group_id in (from old) and persistent and block_id >= 0
	union all select block_id from block_ages where oldest < $1 and exists (from old)
)
	select first, behind from groups where id in (from old)
	or $3 and id in (select row_group_id from segments where persistent and block_id in (from traced))`

type rowGroup struct{ first, behind int64 }

// readGroups returns the row groups that are doomed; traces says whether none of those may stay.
func readGroups(ctx context.Context, conn *sql.Conn, cut time.Time, traces bool) (groups []rowGroup, err error) {
	rows, err := conn.QueryContext(ctx, doomed, cut, stepRows, traces)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var g rowGroup
		if err := rows.Scan(&g.first, &g.behind); err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, rows.Err()
}
