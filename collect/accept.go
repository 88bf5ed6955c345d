package collect

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// retryAfter is what a sender is asked to wait when the disk can't take a beacon.
const retryAfter = 5 * time.Second

// buffers hold a body and its record while they are written.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct{ body, record []byte }

// keepBuffer is the largest buffer that is worth keeping for the next beacon.
const keepBuffer = 256 << 10

var batchMark = warc.Fields{{Name: row.BatchField, Value: "yes"}}

// accept keeps one beacon: the answer is 204, or the picture, once it is on disk.
func (c *Collector) accept(w http.ResponseWriter, r *http.Request) {
	b := buffers.Get().(*buffer)
	defer func() {
		if cap(b.record) <= keepBuffer && cap(b.body) <= keepBuffer {
			buffers.Put(b)
		}
	}()
	if err := b.read(w, r, c.options.MaxBody); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			c.tooLarge(w)
			return
		}
		// The client went away or broke the protocol: it can't be kept, as nobody
		// knows what is missing of it.
		http.Error(w, "The body ended early or is malformed: "+err.Error(), http.StatusBadRequest)
		return
	}
	record := newRecord(r, b.body, time.Now())
	if c.options.Batch != nil {
		if stream, _ := row.Target(record.Request.Target); c.options.Batch(stream) {
			record.Extra = batchMark
		}
	}
	var err error
	if b.record, err = record.Append(b.record[:0]); err != nil {
		http.Error(w, "This request can't be kept: "+err.Error(), http.StatusBadRequest)
		return
	}
	if err := c.keep(b.record); err != nil {
		c.options.Logger.Error("beacon can't be kept", "error", err)
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		http.Error(w, "The disk can't take it now; try again later.", http.StatusServiceUnavailable)
		return
	}
	if c.recent != nil {
		c.recent.add(record)
	}
	if isPixel(r) {
		showPixel(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *Collector) tooLarge(w http.ResponseWriter) {
	http.Error(w, fmt.Sprintf("The body is over the limit of %d bytes: send less, or in several beacons.", c.options.MaxBody), http.StatusRequestEntityTooLarge)
}

// read reads the whole body; a length that is known to be over the limit is not read at
// all.
func (b *buffer) read(w http.ResponseWriter, r *http.Request, limit int64) error {
	b.body = b.body[:0]
	if r.ContentLength == 0 {
		return nil
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return &http.MaxBytesError{Limit: limit}
	}
	body := r.Body
	if r.ContentLength < 0 {
		body = http.MaxBytesReader(w, body, limit)
	}
	if n := int(r.ContentLength); n > cap(b.body) {
		// What a client says is believed up to what a usual beacon has; the rest is
		// made room for as it comes.
		b.body = make([]byte, 0, min(n+1, 64<<10+1))
	}
	for {
		if len(b.body) == cap(b.body) {
			b.body = append(b.body, 0)[:len(b.body)]
		}
		n, err := body.Read(b.body[len(b.body):cap(b.body)])
		b.body = b.body[:len(b.body)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
