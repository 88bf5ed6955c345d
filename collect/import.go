package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// imported is the result of an import, as JSON.
type imported struct {
	Imported int64  `json:"imported"`         // requests that are on disk, also those that the collector had before
	Skipped  int64  `json:"skipped"`          // records of other types, opt-outs with OptOutRefuse, requests below Operators, and those of SkipImports
	Damaged  int64  `json:"damaged"`          // parts of the file that can't be read, and records that can't be stored
	Reason   string `json:"reason,omitempty"` // of the first damage
	Error    string `json:"error,omitempty"`  // why the import ended before the end of the file
}

// importWARC stores the requests of a posted WARC file by the same privacy rules as requests from the
// network. It answers when all are on disk, with an imported as JSON. Requests keep their ids, so one that
// the collector already has does not become a second row.
func (c *Collector) importWARC(w http.ResponseWriter, r *http.Request) {
	var result imported
	if err := result.from(patient{r.Body, http.NewResponseController(w)}, c); err != nil {
		c.options.Logger.Error("import ended early", "error", err)
		result.Error = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(result)
}

// importBatch is how many bytes of records are gathered before they are written.
const importBatch = 1 << 20

// from stores the requests of a WARC file in batches. The error ends the import; what is stored before
// remains.
func (result *imported) from(file io.Reader, c *Collector) error {
	file, done, err := warcFile(file)
	if err != nil {
		return err
	}
	defer done()
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
		case part.Type != "request", c.options.OptOut == OptOutRefuse && optsOut(part.Record.Request.Header.Values):
			result.Skipped++
		case part.Record.Date.IsZero():
			damage = errors.New("WARC-Date is missing")
		case belowOperators(&part.Record), c.unwanted != nil && c.unwanted(&part.Record):
			result.Skipped++
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

// belowOperators reports whether a request is for an admin endpoint, and so is not a beacon.
func belowOperators(r *warc.Record) bool {
	stream, _ := row.Target(r.Request.Target)
	return strings.HasPrefix(stream, Operators)
}

// scrub applies the privacy rules for requests to a record from a file, and marks it as imported.
func (c *Collector) scrub(r *warc.Record, now time.Time) {
	a, _ := netip.ParseAddr(r.IP)
	a = a.Unmap().WithZone("")
	r.Request.Header = c.headers.apply(r.Request.Header)
	// Fields of an outbox have no meaning here, and a file can have any other fields.
	r.Extra = slices.DeleteFunc(r.Extra, func(f warc.Field) bool {
		switch f.Name {
		case row.BatchField:
			return false
		case row.AddressField, row.VisitorField:
			kept := f.Name == row.AddressField || c.options.Visitors
			return !kept || !isHash(f.Value) || c.options.Address == AddressDropped
		case row.CountryField:
			return c.options.Country == nil || !isCountry(f.Value)
		case row.BotField:
			return !isReason(f.Value)
		}
		return true
	})
	ip, extra := c.private(a, now)
	r.IP, r.Extra = ip, append(r.Extra, extra...)
	r.Extra = append(c.classify(r.Extra, a, &r.Request), warc.Field{Name: row.ImportedField, Value: "yes"})
	if c.options.OptOut == OptOutAnonymous && optsOut(r.Request.Header.Values) {
		anonymize(r)
	}
}

// An importer writes records in batches. It fills one batch while another is written to disk.
type importer struct {
	keep func(records []byte) error
	kept *int64 // the number of records on disk

	batch, spare []byte
	count        int64      // records in batch
	written      chan error // receives the result of the running write; nil without one
	underWay     int64      // records in the running write
}

// add adds a record. refused is an error about this record alone; failed ends the import.
func (i *importer) add(r *warc.Record) (refused, failed error) {
	if i.batch, refused = r.Append(i.batch); refused != nil {
		return refused, nil
	}
	if i.count++; len(i.batch) < importBatch {
		return nil, nil
	}
	return nil, i.write()
}

// write waits for the running write and starts that of the batch.
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

// wait returns the result of the running write, or nil without one.
func (i *importer) wait() error {
	if i.written == nil {
		return nil
	}
	err := <-i.written
	i.written = nil
	if err != nil {
		return fmt.Errorf("records can't be written: %w", err)
	}
	*i.kept += i.underWay
	return nil
}

// close writes the last batch, and returns when all added records are on disk.
func (i *importer) close() error {
	if i.count > 0 {
		if err := i.write(); err != nil {
			return err
		}
	}
	return i.wait()
}

// patient gives each read of a body a deadline of its own, because the server's deadline for the whole
// request is too short for a large file.
type patient struct {
	io.Reader
	conn *http.ResponseController
}

// importPatience is how long an import waits for the next bytes of the file.
const importPatience = 30 * time.Second

func (p patient) Read(b []byte) (int, error) {
	p.conn.SetReadDeadline(time.Now().Add(importPatience))
	return p.Reader.Read(b)
}
