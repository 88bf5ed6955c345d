package convert

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect/row"
)

// The child sends frames (see package query) on its stdout.
//
//	frameHeader   JSON of header; the first frame
//	frameRow      a row, as appendRow writes it
//	frameEnd      empty; all rows were sent
//	frameFailure  the error as text; the last frame
const (
	frameHeader  = 'h'
	frameRow     = 'r'
	frameEnd     = 'e'
	frameFailure = 'f'
)

// maxFrame is the largest payload, in bytes. The largest row has 32 MiB of body, and data that is up to
// six times as long because of escapes.
const maxFrame = 512 << 20

// header describes the old table.
type header struct {
	Rows    int64
	Bytes   int64  // used in the file
	Segment string // with Offset, the cursor of the inbox: all beacons before it are rows
	Offset  int64
}

// A row is
//
//	16 bytes  id
//	8 bytes   received_at, microseconds since 1970 (big-endian)
//	8 bytes   sent_at, likewise
//	1 byte    flags
//
// and then its texts, each behind its length as a uvarint.
const rowFixed = 16 + 8 + 8 + 1

const (
	flagSent    = 1 << iota // sent_at is not NULL
	flagBot                 // bot
	flagBotNull             // bot is NULL
	flagData                // data is not NULL
)

// texts are the columns that are sent as text, in their order.
var texts = [...]string{"stream", "query", "origin", "referrer", "user_agent", "ip", "content_type", "kind", "error", "body", "data"}

var errRow = errors.New("parse row: wrong length")

// parseRow parses a row, which shares memory with payload.
func parseRow(payload []byte) (r row.Row, err error) {
	if len(payload) < rowFixed {
		return r, errRow
	}
	copy(r.ID[:], payload)
	r.ReceivedAt = time.UnixMicro(int64(binary.BigEndian.Uint64(payload[16:]))).UTC()
	flags := payload[32]
	if flags&flagSent != 0 {
		r.SentAt = time.UnixMicro(int64(binary.BigEndian.Uint64(payload[24:]))).UTC()
	}
	var t [len(texts)][]byte
	for i, rest := 0, payload[rowFixed:]; i < len(t); i++ {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			return r, errRow
		}
		end := size + int(n)
		t[i], rest = rest[size:end:end], rest[end:]
	}
	r.Stream, r.Query, r.Origin, r.Referrer = string(t[0]), string(t[1]), string(t[2]), string(t[3])
	r.UserAgent, r.IP, r.ContentType, r.Kind, r.Error = string(t[4]), string(t[5]), string(t[6]), string(t[7]), string(t[8])
	r.Body = t[9]
	if flags&flagData != 0 {
		r.Data = t[10]
	}
	r.Agent = row.AgentOf(r.UserAgent)
	if flags&flagBotNull == 0 { // else the row is older than the column
		r.BotReason = ""
		if flags&flagBot != 0 {
			r.BotReason = row.BotAgent
		}
	}
	return r, nil
}

// rowHead appends the fixed part of a row.
func rowHead(dst []byte, id uuid.UUID, received, sent int64, flags byte) []byte {
	dst = append(dst, id[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(received))
	dst = binary.BigEndian.AppendUint64(dst, uint64(sent))
	return append(dst, flags)
}

func rowText(dst, text []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}
