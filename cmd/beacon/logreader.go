package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// offsetsFile is in the data folder of a table that reads a log.
const offsetsFile = "log-offsets"

// A logReader copies a topic into the inbox that a table reads. Its offsets are in the file offsetsFile, which is
// written when the records are on disk in the inbox. So after a crash some records are read again, those of one call of
// add at most. They get the field row.AgainField, so that the table looks them up among its rows. So is all that is in the topic
// when a table that has rows reads it for the first time.
type logReader struct {
	follower *kafka.Follower
	inbox    *spool.Inbox
	erase    func(ctx context.Context, ids []uuid.UUID) error
	file     string
	log      *slog.Logger

	read  atomic.Int64 // records
	state logState
	again map[int32]int64 // records of a partition with lower offsets may be in the table already
	rows  bool            // the table had rows when the topic was read for the first time
}

// A logState is the content of offsetsFile.
type logState struct {
	Topic   string          `json:"topic"`
	TopicID string          `json:"topic_id,omitempty"`
	Next    map[int32]int64 `json:"next"`            // the offset of the next record of each partition
	Known   map[int32]int64 `json:"known,omitempty"` // up to these offsets a table that had rows may have the records
}

// readLog returns a reader of the topic of o. partitions is nil for all. rows is whether the table has rows.
func readLog(data string, o kafka.Options, partitions []int32, inbox *spool.Inbox, rows bool, log *slog.Logger) (*logReader, error) {
	r := &logReader{inbox: inbox, file: filepath.Join(data, offsetsFile), log: log, again: map[int32]int64{}, state: logState{Topic: o.Topic, Next: map[int32]int64{}, Known: map[int32]int64{}}}
	text, err := os.ReadFile(r.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.rows = rows
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(text, &r.state); err != nil {
			return nil, fmt.Errorf("%s can't be read: %w\nhint: move the whole data folder away, and the table is made again from the topic", r.file, err)
		}
	}
	if r.state.Topic != o.Topic {
		return nil, fmt.Errorf("the table in %s is of the topic %s: use another folder for the topic %s (--data)", data, r.state.Topic, o.Topic)
	}
	if r.follower, err = kafka.NewFollower(o, partitions, r.state.Next, r.state.TopicID); err != nil {
		return nil, err
	}
	return r, nil
}

// run reads the topic until ctx is done.
func (r *logReader) run(ctx context.Context) error { return r.follower.Run(ctx, r.add) }

// addBytes is how many bytes of records are written to the inbox at a time.
const addBytes = 4 << 20

// add stores records of one partition.
func (r *logReader) add(ctx context.Context, records []kafka.Record) error {
	partition := records[0].Partition
	if _, known := r.again[partition]; !known {
		if r.rows {
			r.state.Known[partition] = r.follower.End(partition)
		}
		r.again[partition] = max(records[0].Offset+kafka.MostHanded, r.state.Known[partition])
	}
	var batch []byte
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := r.persist(ctx, func() error { return r.inbox.Append(batch) })
		batch = batch[:0]
		return err
	}
	for _, record := range records {
		if record.Erase != nil {
			if err := flush(); err != nil {
				return err
			}
			if err := r.persist(ctx, func() error { return r.erase(ctx, record.Erase) }); err != nil {
				return err
			}
			continue
		}
		batch = appendRecord(batch, record.Value, record.Again || record.Offset < r.again[partition])
		if len(batch) >= addBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	r.read.Add(int64(len(records)))
	r.state.Next[partition] = records[len(records)-1].Next()
	return r.persist(ctx, r.save)
}

// appendRecord appends a record. With again the table looks it up among its rows.
func appendRecord(to, record []byte, again bool) []byte {
	if !again {
		return append(to, record...)
	}
	r, n, err := warc.Parse(record)
	if err != nil || n != len(record) {
		return append(to, record...)
	}
	r.Extra = append(r.Extra, warc.Field{Name: row.AgainField, Value: "yes"})
	marked, err := r.Append(to)
	if err != nil {
		return append(to, record...)
	}
	return marked
}

// persist does something until it succeeds or ctx is done. Nothing is read from the topic meanwhile.
func (r *logReader) persist(ctx context.Context, do func() error) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 15*time.Second) {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		r.log.Error("beacons of the log can't be stored now", "error", err, "retry_in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// save writes the file.
func (r *logReader) save() error {
	r.state.TopicID = r.follower.TopicID()
	text, err := json.Marshal(r.state)
	if err != nil {
		return err
	}
	return durable.Replace(r.file, text)
}

// parsePartitions parses partitions such as 0-7 or 0,2,4-6. "" is nil, which stands for all.
func parsePartitions(text string) (partitions []int32, err error) {
	if text == "" {
		return nil, nil
	}
	for _, part := range bytes.Split([]byte(text), []byte(",")) {
		from, to, isRange := bytes.Cut(part, []byte("-"))
		first, err := strconv.ParseInt(string(from), 10, 32)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseInt(string(to), 10, 32)
		}
		if err != nil || first < 0 || last < first || last-first > 100_000 {
			return nil, fmt.Errorf("--partitions %q: write numbers and ranges, such as 0-7 or 0,2,4-6", text)
		}
		for p := first; p <= last; p++ {
			partitions = append(partitions, int32(p))
		}
	}
	return partitions, nil
}
