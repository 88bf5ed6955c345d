package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// The headers of a record of the topic, and their values.
const (
	typeHeader      = "content-type"
	streamHeader    = "beacon-stream"
	collectorHeader = "beacon-collector"
	schemaHeader    = "beacon-schema"
	eraseHeader     = "beacon-erase"
	againHeader     = "beacon-again"

	warcType = "application/warc"
	// schema is the version of the record.
	schema = "1"
)

// errNewer means that a later version of this program made the record. To skip it would lose a beacon.
var errNewer = errors.New("a later version of beacon made it: update this one")

// A Record is one record of a topic: a beacon, or an erasure.
type Record struct {
	Partition int32
	Offset    int64
	Time      time.Time // the beacon's date, or when the erasure was made; in milliseconds

	Value     []byte // the WARC record; nil for an erasure
	Stream    string // the beacon's URL path
	Collector string // the name of the collector that took it

	// Again is whether the topic may have the beacon already, from before a crash or an error.
	Again bool

	Erase []uuid.UUID // the ids of beacons to erase; nil for a beacon
}

// Next is the offset behind the record.
func (r *Record) Next() int64 { return r.Offset + 1 }

// A headerCache makes the headers of beacons. Most beacons have one of few streams, and a record's headers
// are not changed after it is made, so that they can be shared. It is for one goroutine.
type headerCache struct {
	collector string
	byStream  map[string][]kgo.RecordHeader
}

const maxCachedStreams = 1000

func (h *headerCache) headers(stream string) []kgo.RecordHeader {
	if made, ok := h.byStream[stream]; ok {
		return made
	}
	made := []kgo.RecordHeader{
		{Key: typeHeader, Value: []byte(warcType)},
		{Key: streamHeader, Value: []byte(stream)},
		{Key: collectorHeader, Value: []byte(h.collector)},
		{Key: schemaHeader, Value: []byte(schema)},
	}
	if h.byStream == nil || len(h.byStream) >= maxCachedStreams {
		h.byStream = map[string][]kgo.RecordHeader{}
	}
	h.byStream[stream] = made
	return made
}

// again returns the headers of a record that the topic may have already.
func again(headers []kgo.RecordHeader) []kgo.RecordHeader {
	for _, h := range headers {
		if h.Key == againHeader {
			return headers
		}
	}
	return append(headers[:len(headers):len(headers)], kgo.RecordHeader{Key: againHeader, Value: []byte("1")})
}

// erasure is the value of an erasure.
type erasure struct {
	IDs []uuid.UUID `json:"ids"`
}

// eraseRecord returns the record that erases beacons of a partition.
func eraseRecord(partition int32, ids []uuid.UUID, collector string, now time.Time) (*kgo.Record, error) {
	value, err := json.Marshal(erasure{ids})
	if err != nil {
		return nil, fmt.Errorf("encode erasure: %w", err)
	}
	return &kgo.Record{Partition: partition, Value: value, Timestamp: now, Headers: []kgo.RecordHeader{
		{Key: typeHeader, Value: []byte("application/json")},
		{Key: eraseHeader, Value: []byte("1")},
		{Key: collectorHeader, Value: []byte(collector)},
		{Key: schemaHeader, Value: []byte(schema)},
	}}, nil
}

// header returns the value of a record's header, or "".
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// decode returns a record of the topic. Its Value shares memory with r. The error says why the record is
// foreign: one that this package did not make, or can't read.
func decode(r *kgo.Record) (Record, error) {
	is := Record{Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp, Stream: header(r, streamHeader), Collector: header(r, collectorHeader)}
	version := header(r, schemaHeader)
	switch n, err := strconv.ParseUint(version, 10, 32); {
	case version == "":
		return is, errors.New("it has no header " + schemaHeader + ": another program made it")
	case err != nil:
		return is, fmt.Errorf("header %s is %.20q, not a number", schemaHeader, version)
	case version != schema:
		return is, fmt.Errorf("header %s is %d: %w", schemaHeader, n, errNewer)
	}
	if header(r, eraseHeader) != "" {
		var e erasure
		if err := json.Unmarshal(r.Value, &e); err != nil {
			return is, fmt.Errorf("erasure can't be read: %w", err)
		}
		if len(e.IDs) == 0 {
			return is, errors.New("erasure names no ids")
		}
		is.Erase = e.IDs
		return is, nil
	}
	switch kind := header(r, typeHeader); {
	case kind != warcType:
		return is, fmt.Errorf("header %s is %.80q, not %s", typeHeader, kind, warcType)
	case len(r.Key) != len(uuid.UUID{}):
		return is, fmt.Errorf("key has %d bytes, not 16", len(r.Key))
	case warc.Next(r.Value[:min(len(r.Value), 8)]) != 0:
		return is, errors.New("value is not a WARC record")
	}
	is.Value, is.Again = r.Value, header(r, againHeader) != ""
	return is, nil
}
