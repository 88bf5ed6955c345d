package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/contract"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/convert"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// A tableService is the table behind a collector: its writer, its upkeep and its queries.
type tableService struct {
	table     *table.Table
	pool      *query.Pool
	collector *collect.Collector
	inbox     *spool.Inbox
	log       *slog.Logger

	forgetAnswers func() // of the dashboard, about rows that were erased
	// announce has others that read the same log erase the rows too; nil without a log.
	announce func(ctx context.Context, ids []uuid.UUID) error

	behind  atomic.Int64           // bytes of the inbox that the newest snapshot lacks
	closed  atomic.Pointer[string] // why the table can't be asked now, or nil
	begins  int64                  // bytes of the inbox that were not read at measureLag; set while closed
	written int64                  // and the inbox's Written then
	stop    context.CancelFunc
	ended   chan struct{} // closed when the writer and the upkeep have ended
}

const (
	tableDir     = "table"
	queryDir     = "query" // what queries and exports write
	closeTimeout = 10 * time.Second
)

// openTable opens the table of a data folder, and starts to fill it.
func openTable(ctx context.Context, data string, c *collect.Collector, o tableOptions, log *slog.Logger) (*tableService, error) {
	columns, err := o.declared()
	if err != nil {
		return nil, usageError{err}
	}
	contracts, err := contract.Parse(o.schemas)
	if err != nil {
		return nil, usageError{fmt.Errorf("--schema %w", err)}
	}
	s := &tableService{collector: c, inbox: c.Inbox(), log: log, forgetAnswers: func() {}, ended: make(chan struct{})}
	s.table, err = table.Open(filepath.Join(data, tableDir), table.Options{Columns: columns, MaxAge: time.Duration(o.maxAge), MaxBytes: int64(o.maxTable), Check: contracts.Check, Log: log})
	if err != nil {
		return nil, fmt.Errorf("%w\nhint: the collector must be able to write there: make room, or check the folder's owner and rights", err)
	}
	s.pool, err = query.New(query.Options{Dir: s.table.Dir(), Temp: filepath.Join(data, queryDir), Memory: int(o.queryMemory >> 20), Timeout: o.queryTimeout, Log: log})
	if err != nil {
		s.table.Close()
		return nil, err
	}
	s.inbox.KeepAtMost(int64(o.maxInbox))
	if convert.Needed(data) {
		s.close("the table of an earlier version waits for its conversion: try again later")
	} else if err := s.measureLag(); err != nil {
		s.pool.Close()
		s.table.Close()
		return nil, err
	}
	s.inbox.Throttle(s.delay)
	c.SkipImports(s.table.Erased)
	// Not the server's context: what is collected until its end still goes into the table.
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go s.run(ctx, data)
	return s, nil
}

// run converts an old table where there is one, and then fills and keeps the table until ctx is done.
func (s *tableService) run(ctx context.Context, data string) {
	defer close(s.ended)
	if convert.Needed(data) {
		if !s.convert(ctx, data) {
			return
		}
		if err := s.measureLag(); err != nil { // the conversion has moved the table's place in the inbox
			s.log.Error("the table's lag is not known; start the collector again", "error", err)
			return
		}
		s.closed.Store(nil)
	}
	upkeep := make(chan struct{})
	go func() {
		defer close(upkeep)
		s.table.Maintain(ctx, s.inbox)
	}()
	if err := s.table.Run(ctx, s.inbox); err != nil && ctx.Err() == nil {
		s.close("the table takes no more beacons: start the collector again")
		s.log.Error("beacons are collected but don't reach the table; start the collector again", "error", err)
	}
	<-upkeep
}

// convert reports whether the table can be used.
func (s *tableService) convert(ctx context.Context, data string) bool {
	if !query.Available {
		s.close("the table of an earlier version has to be converted, which this build can't do: start one that was built with cgo (CGO_ENABLED=1); beacons are collected meanwhile")
		s.log.Warn("the table of an earlier version waits for a build with cgo; beacons are collected and stay in the inbox", "folder", data)
		return false
	}
	s.close("the table of an earlier version is being converted: try again later")
	err := convert.Run(ctx, data, s.table, s.log, func(done, all int64) {
		s.close(fmt.Sprintf("the table of an earlier version is being converted: %d of %d rows are done", done, all))
	})
	if err != nil && ctx.Err() == nil {
		s.close("the table of an earlier version can't be converted: " + err.Error())
		s.log.Error("the table of an earlier version can't be converted; beacons are collected and stay in the inbox", "error", err)
	}
	return err == nil
}

// close makes queries fail with a reason.
func (s *tableService) close(why string) { s.closed.Store(&why) }

const (
	// The table may be so many bytes of the inbox behind. Beyond throttleFrom the answers to
	// beacons are slowed, so that it stays within throttleTo.
	throttleFrom = 208 << 20
	throttleTo   = 256 << 20
	// throttleMost is how long a group of records waits at throttleTo. A group has 1 MiB at most.
	throttleMost = 150 * time.Millisecond
)

// measureLag notes how far the table is behind the inbox now. delay counts from here.
func (s *tableService) measureLag() (err error) {
	s.written = s.inbox.Written()
	s.begins, _, err = s.inbox.Behind(s.table.Status().Reached)
	return err
}

// delay is how long the next group of records waits, so that the table keeps up. It is nothing
// where the table can't be written: the inbox has room for what it will need later.
func (s *tableService) delay() time.Duration {
	if s.closed.Load() != nil {
		return 0
	}
	consumed, healthy := s.table.Consumed()
	over := s.begins + s.inbox.Written() - s.written - consumed - throttleFrom
	if over <= 0 || !healthy {
		return 0
	}
	return min(throttleMost*time.Duration(over>>10)/((throttleTo-throttleFrom)>>10), 4*throttleMost)
}

// Close waits, within reason, until all that was collected is in the table.
func (s *tableService) Close() error {
	if s.closed.Load() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		snapshot, err := s.table.Flush(ctx, s.inbox, closeTimeout)
		if err == nil {
			if snapshot.Behind > 0 {
				err = fmt.Errorf("%d bytes of the inbox are not in it", snapshot.Behind)
			}
			snapshot.Release()
		}
		if err != nil {
			s.log.Warn("the table ends behind the inbox; the rest follows at the next start", "error", err)
		}
	}
	s.stop()
	<-s.ended
	return errors.Join(s.pool.Close(), s.table.Close())
}

// snapshotPatience is how long a query waits for the beacons that were acknowledged before it.
const snapshotPatience = 5 * time.Second

// snapshot returns the files that a query reads.
func (s *tableService) snapshot(ctx context.Context) (*table.Snapshot, error) {
	if why := s.closed.Load(); why != nil {
		return nil, fmt.Errorf("%w: %s", query.ErrUnavailable, *why)
	}
	snapshot, err := s.table.Snapshot(ctx, s.inbox, snapshotPatience)
	if errors.Is(err, table.ErrStopped) {
		return nil, fmt.Errorf("%w: %w", query.ErrUnavailable, err)
	}
	if err == nil {
		s.behind.Store(snapshot.Behind)
	}
	return snapshot, err
}
