package clickhouse

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// hasErased reports whether ids of erased rows are known.
func (s *Sink) hasErased(ctx context.Context) (bool, error) {
	rows, err := s.client.query(ctx, "SELECT count() FROM "+s.o.Target.table("_erased")+" FORMAT TabSeparated")
	return err == nil && rows[0][0] != "0", err
}

// eraseRows erases rows by their ids, and returns when ClickHouse has done so. First the ids go into VIEW_erased, so that
// no INSERT from here on brings the rows back. To erase them again does nothing.
//
// It uses ALTER TABLE … DELETE, which writes the files that have such rows anew. The lightweight DELETE would leave the
// rows on the disk until the next merge of their files.
func (s *Sink) eraseRows(ctx context.Context, ids []uuid.UUID) error {
	var body []byte
	for _, id := range ids {
		body = appendInt64(appendUUID(body, id), now())
	}
	if err := s.client.insert(ctx, s.insertInto("_erased", erasedColumns, ""), [][]byte{body}, url.Values{}); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	s.erased = true
	for some := range slices.Chunk(ids, idsPerQuery) {
		list := make([]string, len(some))
		for i, id := range some {
			list[i] = literal(id.String())
		}
		all := strings.Join(list, ",")
		for _, statement := range []string{
			fmt.Sprintf("ALTER TABLE %s DELETE WHERE id IN (%s)", s.o.Target.table("_raw"), all),
			fmt.Sprintf("ALTER TABLE %s DELETE WHERE arrayExists(id -> id IN (%s), ids)", s.o.Target.table("_dead"), all),
		} {
			if err := s.client.run(ctx, mutationTimeout, statement, url.Values{"mutations_sync": {"2"}}); err != nil {
				return fmt.Errorf("erase: %w", err)
			}
		}
	}
	return nil
}
