package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// imported is what became of the parts of a WARC file.
type imported struct {
	Imported int64  `json:"imported"` // requests, which are on disk
	Skipped  int64  `json:"skipped"`  // records of other types, or whose sender asked for it
	Damaged  int64  `json:"damaged"`  // stretches that are no record, or none that can be kept
	Reason   string `json:"reason,omitempty"`
	Error    string `json:"error,omitempty"` // what ended it before the file's end
}

// importWARC keeps the requests of the WARC file that is posted, by the rules for those from
// the wire, and answers when all are on disk. They keep their ids, so that a request which
// was kept before is no new row.
func (c *Collector) importWARC(w http.ResponseWriter, r *http.Request) {
	select {
	case c.importing <- struct{}{}:
		defer func() { <-c.importing }()
	default:
		no := refusal{status: http.StatusServiceUnavailable, wait: retryAfter, text: "Other files are being imported: wait until one is done, and try again."}
		no.answer(w)
		return
	}
	var result imported
	if err := result.from(patient{r.Body, http.NewResponseController(w)}, c); err != nil {
		c.options.Logger.Error("import ended early", "error", err)
		result.Error = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(result)
}

// imports is how many files are imported at a time, each of which can hold a record of 64 MiB.
const imports = 2

// importBatch is how many bytes of records are written together.
const importBatch = 1 << 20

// from keeps the requests of the file, many at a time.
func (result *imported) from(file io.Reader, c *Collector) error {
	to := importer{keep: c.keep, kept: &result.Imported}
	for s := warc.NewStream(file); ; {
		part, err := s.Next()
		if err == io.EOF {
			return to.close()
		}
		if err != nil {
			return errors.Join(fmt.Errorf("the file ends early: %w", err), to.close())
		}
		damage := part.Damage
		switch {
		case damage != nil:
		case part.Type != "request", c.options.OptOut == OptOutRefuse && optsOut(part.Record.Request.Header.Get):
			result.Skipped++
		case part.Record.Date.IsZero():
			damage = errors.New("there is no WARC-Date")
		default:
			c.scrub(&part.Record, time.Now())
			if damage, err = to.add(&part.Record); err != nil {
				return err
			}
		}
		if damage != nil {
			if result.Damaged++; result.Reason == "" {
				result.Reason = fmt.Sprintf("at byte %d: %v", part.Offset, damage)
			}
		}
	}
}

// scrub does to a record that came in a file what is done to a request.
func (c *Collector) scrub(r *warc.Record, now time.Time) {
	a, _ := netip.ParseAddr(r.IP)
	a = a.Unmap().WithZone("")
	secrets := c.secrets(a)
	r.Request.Header = slices.DeleteFunc(r.Request.Header, func(f warc.Field) bool {
		return secrets.has(http.CanonicalHeaderKey(f.Name), f.Value)
	})
	// Of an outbox's own fields none is a collector's. A file can say anything in the others.
	r.Extra = slices.DeleteFunc(r.Extra, func(f warc.Field) bool {
		return f.Name != row.BatchField && !(f.Name == row.AddressField && isHash(f.Value) && c.options.Address != AddressDropped)
	})
	ip, extra := c.private(a, now)
	r.IP, r.Extra = ip, append(r.Extra, extra...)
	if c.options.OptOut == OptOutAnonymous && optsOut(r.Request.Header.Get) {
		anonymize(r)
	}
}

// An importer writes records in batches: one is gathered while one goes to disk.
type importer struct {
	keep func(records []byte) error
	kept *int64 // how many are on disk

	batch, spare []byte
	count        int64      // of the records in batch
	written      chan error // of the batch that is under way; nil while there is none
	underWay     int64      // of the records in that
}

// add returns why the record can't be kept, or why none can.
func (i *importer) add(r *warc.Record) (refused, failed error) {
	if i.batch, refused = r.Append(i.batch); refused != nil {
		return refused, nil
	}
	if i.count++; len(i.batch) < importBatch {
		return nil, nil
	}
	return nil, i.write()
}

func (i *importer) write() error {
	if err := i.wait(); err != nil {
		return err
	}
	written, records := make(chan error, 1), i.batch
	go func() { written <- i.keep(records) }()
	i.written, i.underWay = written, i.count
	i.batch, i.spare, i.count = i.spare[:0], i.batch, 0
	return nil
}

func (i *importer) wait() error {
	if i.written == nil {
		return nil
	}
	err := <-i.written
	i.written = nil
	if err != nil {
		return fmt.Errorf("the disk can't take more: %w", err)
	}
	*i.kept += i.underWay
	return nil
}

// close returns when all that was added is on disk.
func (i *importer) close() error {
	if i.count > 0 {
		if err := i.write(); err != nil {
			return err
		}
	}
	return i.wait()
}

// patient gives each read of a body a time of its own: the server's is for whole requests.
type patient struct {
	io.Reader
	conn *http.ResponseController
}

const importPatience = 30 * time.Second

func (p patient) Read(b []byte) (int, error) {
	p.conn.SetReadDeadline(time.Now().Add(importPatience))
	return p.Reader.Read(b)
}
