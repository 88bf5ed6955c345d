package deliver

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An Order is what a command asks of the deliverer of an outbox. It is a file in the folder orders/ of the
// outbox; the deliverer looks for one as often as for new beacons, and puts its answer beside it. Without a
// deliverer the command takes the lock and does the same by itself.
type Order struct {
	Drop       []uuid.UUID `json:"drop,omitempty"`        // these beacons, waiting or in dead/
	DropOrigin string      `json:"drop_origin,omitempty"` // all that wait for an origin
	DropAll    bool        `json:"drop_all,omitempty"`    // all that wait
	DropDead   bool        `json:"drop_dead,omitempty"`   // all in dead/
	Retry      bool        `json:"retry,omitempty"`       // all in dead/ wait again
	Flush      bool        `json:"flush,omitempty"`       // all that wait are tried now
}

// An answerTo is the answer to an order.
type answerTo struct {
	N     int    `json:"n"`
	Error string `json:"error,omitempty"`
}

const (
	ordersName = "orders"
	orderExt   = ".json"
	answerExt  = ".answer"
	orderPoll  = 5 * time.Millisecond
	// orderPatience is how long a deliverer may take until it has an order. Versions before orders never
	// answer.
	orderPatience = 10 * time.Second
)

// Do has an order carried out, by the outbox's deliverer or in this process, and returns how many beacons
// it concerned.
func Do(ctx context.Context, box *spool.Outbox, order Order, log *slog.Logger) (n int, err error) {
	dir := filepath.Join(box.Dir(), ordersName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	text, err := json.Marshal(order)
	if err != nil {
		return 0, err
	}
	base := filepath.Join(dir, uuid.NewString())
	if err := rename(base+orderExt, text); err != nil {
		return 0, fmt.Errorf("write order: %w", err)
	}
	defer os.Remove(base + answerExt)
	defer os.Remove(base + orderExt)
	tick := time.NewTicker(orderPoll)
	defer tick.Stop()
	for patience := time.After(orderPatience); ; {
		if n, err := readAnswer(base); !errors.Is(err, fs.ErrNotExist) {
			return n, err
		}
		lock, err := box.TryLock()
		if err != nil {
			return 0, err
		}
		if lock != nil {
			if err := obeyOnly(box, lock, log); err != nil {
				return 0, err
			}
			if n, err := readAnswer(base); !errors.Is(err, fs.ErrNotExist) {
				return n, err
			}
			return 0, errors.New("the deliverer ended before it answered: try again")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-patience:
			if _, err := os.Stat(base + orderExt); err == nil {
				return 0, fmt.Errorf("the deliverer of %s does not answer: it is of an earlier version or stopped: end it and try again", box.Dir())
			}
		}
	}
}

func readAnswer(base string) (n int, err error) {
	text, err := os.ReadFile(base + answerExt)
	if err != nil {
		return 0, err
	}
	var a answerTo
	if err = json.Unmarshal(text, &a); err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	return a.N, err
}

// obeyOnly carries out the orders, delivers nothing, and releases the lock.
func obeyOnly(box *spool.Outbox, lock *os.File, log *slog.Logger) error {
	claim, err := box.Claim(lock)
	if err != nil {
		lock.Close()
		return err
	}
	d := Deliverer{Claim: claim, Log: log, Base: true} // it sends nothing
	d.begin(time.Now())
	err = d.obey(time.Now())
	d.outcomes.save()
	d.lost.save()
	d.waits.end(d.schedule, time.Now())
	return errors.Join(err, claim.Release())
}

// obey carries out the orders that have come.
func (d *Deliverer) obey(now time.Time) error {
	dir := filepath.Join(d.Claim.Dir(), ordersName)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		base, ok := strings.CutSuffix(path, orderExt)
		if !ok {
			if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > time.Minute {
				os.Remove(path) // its command has ended
			}
			continue
		}
		var order Order
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &order)
		}
		n := 0
		if err == nil {
			// First all beacons: an order concerns those that no scan has found yet, too.
			for more := true; more && err == nil; more = d.more {
				err = d.scan(now)
			}
			if errors.Is(err, spool.ErrLost) {
				return err
			}
			n, err = d.carryOut(order, now)
		}
		a := answerTo{N: n}
		if err != nil {
			a.Error = err.Error()
		}
		text, _ = json.Marshal(a)
		os.Remove(path)
		if err := rename(base+answerExt, text); err != nil {
			d.Log.Warn("an order can't be answered", "error", err)
		}
	}
	return nil
}

// carryOut returns how many beacons an order concerned.
func (d *Deliverer) carryOut(o Order, now time.Time) (n int, err error) {
	if len(o.Drop) > 0 || o.DropOrigin != "" || o.DropAll {
		n = d.drop(o, now)
	}
	if len(o.Drop) > 0 && n < len(o.Drop) {
		more, err := d.Claim.DropDeadIDs(o.Drop)
		if n += more; err != nil {
			return n, err
		}
	}
	if o.DropDead {
		more, err := d.Claim.DropDead()
		if n += more; err != nil {
			return n, err
		}
	}
	if o.Retry {
		until := now.Add(maxAge).UTC().Format(time.RFC3339)
		more, err := d.Claim.Revive(func(r *warc.Record) {
			r.Extra = append(r.Extra.Without(ExpiresField), warc.Field{Name: ExpiresField, Value: until})
		})
		if n += more; err != nil {
			return n, err
		}
	}
	if o.Flush {
		n += d.schedule.tryAll(now)
	}
	return n, nil
}

// drop ends the chosen beacons, those under way included.
func (d *Deliverer) drop(o Order, now time.Time) (n int) {
	ids := map[uint32][]uuid.UUID{}
	for _, id := range o.Drop {
		ids[spool.Check(id)] = append(ids[spool.Check(id)], id)
	}
	var failed error
	ends := func(w *waiting) bool {
		if len(o.Drop) > 0 && ids[w.place.Check()] == nil {
			return false
		}
		e, record, err := d.Claim.Take(w.place)
		if err != nil {
			failed = err
			return false
		}
		if len(o.Drop) > 0 {
			found := false
			for _, id := range ids[w.place.Check()] {
				found = found || id == e.ID
			}
			if !found {
				return false
			}
		}
		d.lost.add(&record, spool.Dropped)
		d.outcomes.drop(e)
		n++
		return true
	}
	for _, origin := range d.schedule.origins {
		if o.DropOrigin != "" && origin.name != o.DropOrigin {
			continue
		}
		for _, l := range origin.lanes {
			l.sweep(d.schedule, now, ends)
		}
		d.schedule.put(origin, now)
	}
	for a := range d.schedule.attempts {
		chosen := o.DropAll || o.DropOrigin != "" && a.lane.origin.name == o.DropOrigin
		for _, id := range o.Drop {
			chosen = chosen || a.entry.ID == id
		}
		if chosen && !a.dropped {
			a.dropped = true
			a.cancel()
			n++
		}
	}
	if failed != nil {
		d.Log.Warn("a beacon can't be read, and was not dropped", "error", failed)
	}
	return n
}

// tryAll has all beacons tried now, whatever they wait for, and returns how many there are.
func (s *schedule) tryAll(now time.Time) int {
	for _, o := range s.origins {
		o.notBefore = now
		for _, l := range o.lanes {
			l.notBefore, l.retryAt = now, time.Time{}
			for i := range l.aside {
				l.aside[i].due = 0
			}
			heap.Init(&l.aside)
		}
		s.put(o, now)
	}
	return s.waiting
}
