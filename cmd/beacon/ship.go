package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// shipOptions are the flags about the log behind the collector.
type shipOptions struct {
	logOptions
	name       string
	ack        string
	maxBacklog sizeFlag
	table      bool
	sticky     bool
}

// Values of --ack.
const (
	ackInbox = "inbox"
	ackLog   = "log"
)

const (
	// ackTimeout is how long an answer waits for the log with --ack log.
	ackTimeout = 10 * time.Second
	// shipTimeout is how long the end of the collector waits for the log.
	shipTimeout = 10 * time.Second
	// eraseTimeout is how long an erasure waits for the log.
	eraseTimeout = time.Minute
	// saltsTimeout is how long the start waits for the salts that collectors share.
	saltsTimeout = 5 * time.Second
	// upkeepEvery is how often segments of the inbox are deleted without a table.
	upkeepEvery = 10 * time.Second
)

func (o *shipOptions) flags(f *pflag.FlagSet) {
	o.logOptions.flags(f, "log", "`URL` of a Kafka topic that all beacons are copied to, such as kafka://b1,b2,b3/beacons, or kafkas:// for TLS. It leaves out the table on this machine unless --table is given: see 'beacon table --help'")
	f.StringVar(&o.name, "log-name", "", "`name` of this collector in the log; the default is the host's name")
	f.StringVar(&o.ack, "ack", ackInbox, "`when` a beacon is answered: inbox, when it is on this machine's disk, or log, when the log has it too")
	f.Var(&o.maxBacklog, "max-backlog", "how much of the inbox the log may not have yet; beyond it beacons get 503; the default is half of the free disk")
	f.BoolVar(&o.sticky, "sticky", false, "with --log: the load balancer sends all requests of a client to the same collector, so preflights without a beacon are counted")
	f.BoolVar(&o.table, "table", false, "with --log: keep a table on this machine too")
}

func (o *shipOptions) check(log *slog.Logger) error {
	switch {
	case o.ack != ackInbox && o.ack != ackLog:
		return fmt.Errorf("--ack %q: write inbox or log", o.ack)
	case o.url == "" && (o.ack == ackLog || o.maxBacklog != 0 || o.table || o.sticky || o.name != ""):
		return errors.New("--ack log, --max-backlog, --table, --sticky and --log-name need --log: name the log")
	}
	return o.logOptions.check("log", log)
}

// A shipping copies the inbox of a collector to the log.
type shipping struct {
	*kafka.Shipper
	inbox  *spool.Inbox
	log    kafka.Options
	name   string // of the collector in the log
	most   int64  // bytes of the inbox that the log may lack
	ackLog bool
	acks   prometheus.Histogram
}

// ship starts to copy the inbox of c to the log. The log need not be there yet.
func ship(ctx context.Context, data string, c *collect.Collector, o *shipOptions, largest int64, log *slog.Logger) (*shipping, error) {
	s := &shipping{inbox: c.Inbox(), log: o.kafka, name: o.name, most: int64(o.maxBacklog), ackLog: o.ack == ackLog, acks: newAcks()}
	if s.most == 0 {
		free, err := spool.Free(data)
		if err != nil {
			return nil, fmt.Errorf("find the default of --max-backlog: %w", err)
		}
		s.most = free / 2
	}
	var err error
	s.Shipper, err = kafka.Ship(s.inbox, kafka.ShipOptions{Options: o.kafka, Dir: data, Collector: o.name, OnAck: func(_ int, took time.Duration) { s.acks.Observe(took.Seconds()) }})
	if err != nil {
		return nil, fmt.Errorf("--log: %w", err)
	}
	s.inbox.KeepFrom(s.Reached)
	c.Keep(s.keep)
	go o.checkLog(ctx, largest, log)
	return s, nil
}

// shareSalts has the ids of visitors and hashed addresses agree with those of the other collectors of the log.
func shareSalts(ctx context.Context, o *shipOptions) func(day int64) ([]byte, bool) {
	salts := kafka.NewSalts(o.kafka)
	go salts.Run(ctx)
	select {
	case <-salts.Ready():
	case <-ctx.Done():
	case <-time.After(saltsTimeout): // Run logs why
	}
	return salts.Of
}

// keep stores records as collect.Collector.Keep has it.
func (s *shipping) keep(write func() error) error {
	if s.Backlog() >= s.most {
		return fmt.Errorf("%w: it lacks %s of the inbox, see --max-backlog", collect.ErrLog, inBytes(float64(s.Backlog())))
	}
	if err := write(); err != nil || !s.ackLog {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), ackTimeout)
	defer cancel()
	if err := s.Wait(ctx, s.inbox.Synced()); err != nil {
		return fmt.Errorf("%w: it has not acknowledged a beacon within %v", collect.ErrLog, ackTimeout)
	}
	return nil
}

// erase writes an erasure to the log, for all tables that read it.
func (s *shipping) erase(ctx context.Context, ids []uuid.UUID) error {
	end, err := s.inbox.End()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, eraseTimeout)
	defer cancel()
	if err := s.Wait(ctx, end); err != nil {
		return fmt.Errorf("the log lacks beacons of the inbox: %w", err)
	}
	return kafka.Erase(ctx, s.log, s.name, ids)
}

// upkeep deletes segments of the inbox that the log has, where no table does so, until ctx is done.
func (s *shipping) upkeep(ctx context.Context, maxInbox int64, maxAge time.Duration, log *slog.Logger) {
	s.inbox.KeepAtMost(maxInbox)
	for {
		err := s.inbox.Trim(s.Reached())
		if maxAge > 0 && err == nil {
			_, err = s.inbox.Forget(time.Now(), maxAge, s.Reached())
		}
		if err != nil {
			log.Error("the inbox keeps beacons that the log has", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(upkeepEvery):
		}
	}
}

// Close waits, within reason, until the log has all that was collected.
func (s *shipping) Close(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), shipTimeout)
	defer cancel()
	err := s.Shipper.Close(ctx)
	if lacks := s.Backlog(); lacks > 0 {
		log.Warn("the log lacks beacons of the inbox; they follow at the next start", "bytes", lacks)
	}
	if err != nil {
		log.Error("the log's place in the inbox could not be saved; some beacons are sent again at the next start", "error", err)
	}
}
