package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// SaltBytes is the size of a salt.
const SaltBytes = 32

const (
	// saltsSuffix is what the topic of the salts is called besides the name of the beacons' topic.
	saltsSuffix = "-salts"
	// saltsKept is how long the topic keeps a salt. The broker deletes a segment when its newest record is older, and a
	// segment has an hour.
	saltsKept    = 48 * time.Hour
	saltsSegment = time.Hour
	saltsEvery   = time.Minute
	saltsTimeout = 10 * time.Second
)

// Salts are random bytes for each day (UTC), which all collectors of a log share, so that their hashes of one client agree.
// They are in a topic of their own, with one partition, whose records the broker deletes after two days. Each collector
// writes a salt for a day that lacks one. The first of a day is that of all. The methods are safe for concurrent use.
type Salts struct {
	o     Options
	log   *slog.Logger
	ready chan struct{} // closed when the salt of today is known

	mu    sync.Mutex
	once  sync.Once
	byDay map[int64][]byte
}

// NewSalts returns the salts of the log of o. Run fetches them.
func NewSalts(o Options) *Salts {
	o.Topic += saltsSuffix
	return &Salts{o: o, log: o.log(), ready: make(chan struct{}), byDay: map[int64][]byte{}}
}

// Of returns the salt of a day, counted since 1970, or false if it is not known yet.
func (s *Salts) Of(day int64) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	salt, ok := s.byDay[day]
	return salt, ok
}

// Ready returns a channel that is closed when the salt of the day of Run's start is known.
func (s *Salts) Ready() <-chan struct{} { return s.ready }

// Run fetches the salts of today and tomorrow, and makes those that are missing, until ctx is done. It forgets older ones.
// Errors are retried each minute, and logged when they change.
func (s *Salts) Run(ctx context.Context) {
	var failed repeated
	for {
		err := s.update(ctx, time.Now())
		switch {
		case err == nil:
			s.once.Do(func() { close(s.ready) })
		case ctx.Err() == nil && failed.isNew(err.Error(), time.Now()):
			s.log.Error("salts can't be shared with other collectors: visitors of several collectors may count twice", "topic", s.o.Topic, "error", err, "retry_in", saltsEvery)
		}
		if !sleep(ctx, saltsEvery) {
			return
		}
	}
}

// update makes the salts of today and tomorrow known.
func (s *Salts) update(ctx context.Context, now time.Time) error {
	today := now.Unix() / (24 * 60 * 60)
	s.mu.Lock()
	for day := range s.byDay {
		if day < today {
			delete(s.byDay, day)
		}
	}
	known := len(s.byDay[today]) > 0 && len(s.byDay[today+1]) > 0
	s.mu.Unlock()
	if known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, saltsTimeout)
	defer cancel()
	if err := s.createTopic(ctx); err != nil {
		return s.o.explain(err)
	}
	client, err := s.o.client(
		kgo.DefaultProduceTopic(s.o.Topic), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.o.Topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return err
	}
	defer client.Close()
	found, err := s.fetch(ctx, client, nil)
	if err != nil {
		return s.o.explain(err)
	}
	missing := false
	for day := today; day <= today+1; day++ {
		if found[day] == nil {
			missing = true
			salt := make([]byte, SaltBytes)
			rand.Read(salt)
			if err := client.ProduceSync(ctx, &kgo.Record{Key: strconv.AppendInt(nil, day, 10), Value: salt}).FirstErr(); err != nil {
				return s.o.explain(err)
			}
		}
	}
	if missing { // another collector may have been the first
		if found, err = s.fetch(ctx, client, found); err != nil {
			return s.o.explain(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for day := today; day <= today+1; day++ {
		if s.byDay[day] == nil { // a salt never changes in this process
			s.byDay[day] = found[day]
		}
	}
	return nil
}

// createTopic makes the topic if it is missing, and returns when the brokers know it.
func (s *Salts) createTopic(ctx context.Context) error {
	client, err := s.o.client()
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx, s.o.Topic)
	if err == nil {
		err = topics[s.o.Topic].Err
	}
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return err
	}
	kept, segment := strconv.FormatInt(saltsKept.Milliseconds(), 10), strconv.FormatInt(saltsSegment.Milliseconds(), 10)
	policy := "delete"
	replicas := int16(-1) // the brokers' default
	r, err := admin.CreateTopic(ctx, 1, replicas, map[string]*string{"cleanup.policy": &policy, "retention.ms": &kept, "segment.ms": &segment}, s.o.Topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		err = nil
	}
	if err == nil && r.Err != nil && !errors.Is(r.Err, kerr.TopicAlreadyExists) {
		err = r.Err
	}
	if err != nil {
		return fmt.Errorf("make topic %s: %w\nhint: make it with 1 partition, cleanup.policy=delete, retention.ms=%s and segment.ms=%s", s.o.Topic, err, kept, segment)
	}
	for {
		ends, err := admin.ListEndOffsets(ctx, s.o.Topic)
		if err == nil {
			err = ends.Error()
		}
		if err == nil || !sleep(ctx, minBackoff) {
			return err
		}
	}
}

// fetch returns the first salt of each day up to the topic's end, beside those that were found before.
func (s *Salts) fetch(ctx context.Context, client *kgo.Client, found map[int64][]byte) (map[int64][]byte, error) {
	if found == nil {
		found = map[int64][]byte{}
	}
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(ctx, s.o.Topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	starts, err := admin.ListStartOffsets(ctx, s.o.Topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, err
	}
	end, _ := ends.Lookup(s.o.Topic, 0)
	start, _ := starts.Lookup(s.o.Topic, 0)
	if end.Offset == start.Offset {
		return found, nil
	}
	client.SetOffsets(map[string]map[int32]kgo.EpochOffset{s.o.Topic: {0: {Epoch: -1, Offset: start.Offset}}})
	for next := start.Offset; next < end.Offset; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, err
		}
		var failed error
		fetches.EachError(func(_ string, _ int32, err error) { failed = err })
		if failed != nil {
			return nil, failed
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if day, err := strconv.ParseInt(string(r.Key), 10, 64); err == nil && len(r.Value) == SaltBytes && found[day] == nil {
				found[day] = r.Value
			}
		})
	}
	return found, nil
}
