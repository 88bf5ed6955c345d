//go:build !js

package beacon

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

const (
	// maxBody is the upper limit of Config.MaxBody, in bytes.
	maxBody      = 1 << 20
	defaultAgent = outbox.DefaultUserAgent
)

// A queue is the outbox of a Sender.
type queue struct {
	dir     string
	failed  error // why the outbox has no directory
	targets outbox.Targets

	mu     sync.Mutex
	box    *outbox.Outbox // opened when it is needed
	closed bool
}

func (q *queue) init(dir string) { q.dir, q.failed = outbox.Dir(dir) }

// start delivers what earlier runs left in the outbox. With open set, it opens the outbox even if nothing is
// there. It does nothing if sending is off.
func (s *Sender) start(open bool) error {
	switch err := s.forbidden(); {
	case err != nil || outbox.Prints():
		return nil
	case s.failed != nil:
		return wrap("open", s.failed)
	case !open && !outbox.Pending(s.dir):
		return nil
	}
	box, err := s.open()
	if err != nil {
		return wrap("open", err)
	}
	box.DeliverLeft()
	return nil
}

// open returns the outbox.
func (s *Sender) open() (*outbox.Outbox, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.box != nil {
		return s.box, nil
	}
	c := outbox.Config{Dir: s.dir, Capacity: s.config.Capacity, Durable: s.config.Durable, Logger: s.config.Logger}
	if s.config.Base != nil {
		c.Client, c.InProcess = fetch.NewClientOver(s.config.Base), true
	}
	var err error
	s.box, err = outbox.Open(c)
	return s.box, err
}

// forbidden returns why nothing may be kept, or nil.
func (s *Sender) forbidden() error {
	if s.config.Disabled {
		return errDisabled
	}
	return outbox.Forbidden(s.config.HonorDoNotTrack, s.dir, s.open)
}

// put appends a request to the outbox.
func (s *Sender) put(r request) (id uuid.UUID, err error) {
	to, err := s.target(r.url)
	if err != nil {
		return id, err
	}
	if len(to.Href) > outbox.MaxHeader { // it can be longer than r.url
		return id, tooLarge("URL", int64(len(to.Href)), outbox.MaxHeader)
	}
	if err := s.forbidden(); err != nil {
		return id, err
	}
	if outbox.Prints() {
		outbox.Print(r.method, to.Href, r.contentType, r.body)
		return id, nil
	}
	if s.failed != nil {
		return id, s.failed
	}
	box, err := s.open()
	if err != nil {
		return id, err
	}
	d := outbox.NewDraft()
	defer d.Release()
	d.Header = outbox.AppendHeader(d.Header, r.agent, r.contentType, r.header)
	s.fields(d)
	if err := d.Encode(r.method, to, r.key, r.body, s.config.MaxAge); err != nil {
		return id, err
	}
	if err := box.Append(d.Record); err != nil {
		return id, err
	}
	return d.ID, nil
}

// target parses a URL (Beacon, "Processing Model", step 1).
func (s *Sender) target(given string) (*outbox.Target, error) {
	return s.targets.Get(given, "", func() (*url.Url, error) {
		u, err := weburl.Parse(given)
		if err != nil {
			return nil, typeErrorf("%q is not an absolute URL: %s", given, strings.TrimPrefix(err.Error(), "Error: "))
		}
		if !weburl.IsHTTP(u) {
			return nil, wrongScheme(given, u.Scheme())
		}
		return u, nil
	})
}

// fields adds the extension fields that the config asks for.
func (s *Sender) fields(d *outbox.Draft) {
	add := func(name, value string) { d.Extra = append(d.Extra, warc.Field{Name: name, Value: value}) }
	if s.config.ReportLoss {
		add(deliver.ReportField, "1")
	}
	if s.config.HonorDoNotTrack {
		add(deliver.HonorField, "1")
	}
	if s.config.Base != nil {
		add(deliver.BaseField, "1")
	}
	for _, name := range slices.Sorted(maps.Keys(s.config.HeaderFile)) {
		if !slices.ContainsFunc(d.Header, func(f warc.Field) bool { return strings.EqualFold(f.Name, name) }) {
			add(deliver.HeaderFileField, name+" "+s.config.HeaderFile[name])
		}
	}
}

func (s *Sender) flush(ctx context.Context) error {
	s.mu.Lock()
	box, closed := s.box, s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case box == nil:
		return nil
	}
	return box.Flush(ctx)
}

func (s *Sender) close() error {
	s.mu.Lock()
	box := s.box
	s.box, s.closed = nil, true
	s.mu.Unlock()
	if box == nil {
		return nil
	}
	return box.Close()
}

func (s *Sender) pending() iter.Seq2[Beacon, error] {
	return func(yield func(Beacon, error) bool) {
		if s.failed != nil {
			yield(Beacon{}, wrap("pending", s.failed))
			return
		}
		var unread []error
		more := true
		for _, dir := range outbox.Folders(s.dir) {
			err := spool.List(dir, false, func(l *spool.Listed) bool {
				more = yield(beaconOf(&l.Record), nil)
				return more
			})
			if !more {
				return
			}
			if !errors.Is(err, fs.ErrNotExist) { // nothing was sent yet
				unread = append(unread, err)
			}
		}
		if err := errors.Join(unread...); err != nil {
			yield(Beacon{}, wrap("pending", err))
		}
	}
}

func beaconOf(r *warc.Record) Beacon {
	b := Beacon{ID: r.ID, Sent: r.Date, Method: r.Request.Method, URL: r.Target, Header: http.Header{}, Body: bytes.Clone(r.Request.Body)}
	for _, f := range r.Request.Header {
		b.Header.Add(f.Name, f.Value)
	}
	return b
}

// dropTime is how long Drop waits for the deliverer.
const dropTime = 20 * time.Second

func (s *Sender) drop(ids []uuid.UUID) error {
	if s.failed != nil {
		return s.failed
	}
	if len(ids) == 0 {
		return nil
	}
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was sent yet
	}
	ctx, cancel := context.WithTimeout(context.Background(), dropTime)
	defer cancel()
	if _, err := outbox.Do(ctx, s.dir, deliver.Order{Drop: ids}, s.config.Logger); err != nil {
		return err
	}
	return s.start(false) // delivers the beacons of senders that found the lock held
}
