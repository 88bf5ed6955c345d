package collect

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// retryAfter is the Retry-After of the answer when a beacon can't be written to disk.
const retryAfter = 5 * time.Second

// buffers hold a body, its record and the header of that while they are written.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct {
	body, record []byte
	header       warc.Fields
	filter       *headerFilter // of the last request's collector
	seen         []string      // the names of its header
	names        []string      // those that are stored, sorted
	counted      int           // bytes of body's that the collector's memory counts
}

// keepBuffer, in bytes, and keepFields, in header fields, limit the buffers that are reused.
const (
	keepBuffer = 256 << 10
	keepFields = 128
)

// beacon stores a beacon or refuses it. The answer is sent when the beacon is on disk.
func (c *Collector) beacon(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	c.metrics.received.Add(1)
	size, no := c.accept(w, r, began)
	if no != nil {
		c.metrics.refused.add(no.reason, 1)
		no.answer(w)
		return
	}
	c.metrics.accepted.Add(1)
	c.metrics.bytes.Add(uint64(size))
	c.metrics.ack.observe(time.Since(began))
	if a, ok := c.answerTo(r); ok {
		a.write(w)
	} else {
		w.WriteHeader(http.StatusNoContent)
	}
}

// streamOf returns the path as it was sent.
func streamOf(r *http.Request) string {
	s, _ := row.Target(r.RequestURI)
	return s
}

// accept checks a beacon and writes it to disk. It returns the size of the body in bytes, or the refusal.
func (c *Collector) accept(w http.ResponseWriter, r *http.Request, now time.Time) (size int, no *refusal) {
	from := c.from(r)
	c.preflights.came(r, from)
	if no := c.checkOrigin(w, r); no != nil {
		return 0, no
	}
	optsOut := optsOut(func(name string) []string { return r.Header[name] })
	if optsOut && c.options.OptOut == OptOutRefuse {
		return 0, &refusal{reason: "opt-out", status: http.StatusOK, text: "Not kept: you ask not to be tracked."}
	}
	if no := c.checkRate(r, from, now); no != nil {
		return 0, no
	}
	b := buffers.Get().(*buffer)
	defer func() {
		c.memory.give(b.counted)
		b.counted = 0
		if cap(b.record) <= keepBuffer && cap(b.body) <= keepBuffer && cap(b.header) <= keepFields {
			clear(b.header) // which would keep the request in memory
			buffers.Put(b)
		}
	}()
	if no := b.read(w, r, c); no != nil {
		return 0, no
	}
	record := c.newRecord(r, b, from, now)
	if optsOut && c.options.OptOut == OptOutAnonymous {
		anonymize(&record)
	}
	var err error
	if b.record, err = record.Append(b.record[:0]); err != nil {
		return 0, malformed("This request can't be kept: " + err.Error())
	}
	size = len(b.body)
	if size > keepBuffer { // the record has a copy
		b.body, record.Request.Body = nil, nil
	}
	if err := c.keep(b.record); err != nil {
		c.cannotKeep(err)
		no := refusal{reason: "disk", status: http.StatusServiceUnavailable, wait: retryAfter, text: "The disk can't take it now; try again later."}
		if errors.Is(err, ErrLog) {
			no.reason, no.text = "log", "The log behind this collector can't take it now; try again later."
		}
		return 0, &no
	}
	if c.recent != nil {
		c.recent.add(now, streamOf(r), b.record)
	}
	if c.notices.repeats.again(c.seed, &record, from, now) {
		c.notices.repeated.add(streamOf(r))
	}
	return size, nil
}

func malformed(text string) *refusal {
	return &refusal{reason: "malformed", status: http.StatusBadRequest, text: text}
}

func (c *Collector) tooLarge(w http.ResponseWriter) *refusal {
	// The rest of the body is not read, so the connection can't be used for another request.
	w.Header().Set("Connection", "close")
	return &refusal{reason: "too-large", status: http.StatusRequestEntityTooLarge,
		text: fmt.Sprintf("The body is over the limit of %d bytes: send less, or in several beacons.", c.options.MaxBody)}
}

// read reads the whole body. It reads nothing if Content-Length is over the limit.
func (b *buffer) read(w http.ResponseWriter, r *http.Request, c *Collector) *refusal {
	b.body = b.body[:0]
	if r.ContentLength == 0 {
		return nil
	}
	if r.ContentLength > c.options.MaxBody {
		return c.tooLarge(w)
	}
	// A large buffer of an earlier beacon is counted while this beacon uses it.
	if large := cap(b.body) - freeBody; large > 0 {
		if c.memory.take(large) {
			b.counted = large
		} else {
			b.body = nil
		}
	}
	for {
		if len(b.body) == cap(b.body) && !b.grow(r.ContentLength, &c.memory) {
			w.Header().Set("Connection", "close")
			return &refusal{reason: "memory", status: http.StatusServiceUnavailable, wait: time.Second, text: "Too many large beacons are coming in; try again later."}
		}
		n, err := r.Body.Read(b.body[len(b.body):cap(b.body)])
		b.body = b.body[:len(b.body)+n]
		switch {
		case int64(len(b.body)) > c.options.MaxBody:
			return c.tooLarge(w)
		case err == io.EOF:
			return nil
		case err != nil:
			// The client disconnected or broke the protocol. The missing part is unknown, and so is
			// the place where the next request would begin.
			w.Header().Set("Connection", "close")
			return malformed("The body ended early or is malformed: " + err.Error())
		}
	}
}

// grow enlarges the buffer of a body. It trusts Content-Length up to the size of a usual beacon, and
// allocates more only as more bytes arrive.
func (b *buffer) grow(length int64, m *memory) bool {
	size := max(2*cap(b.body), 4<<10, int(min(length+1, 64<<10)))
	if whole := int(length) + 1; length > 0 && whole > cap(b.body) {
		size = min(size, whole)
	}
	if more := size - cap(b.body); size > freeBody {
		if !m.take(more) {
			return false
		}
		b.counted += more
	}
	b.body = append(make([]byte, 0, size), b.body...)
	return true
}
