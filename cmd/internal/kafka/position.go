package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// aheadMost is how far a partition may be ahead of the slowest, by the time of their records. A pause
	// ends at half of it.
	aheadMost = time.Hour
	// silentAfter is how long a partition may deliver nothing until the others no longer wait for it: its
	// broker may be away.
	silentAfter = 30 * time.Second
)

// A position is how far a partition was read. Follower.mu guards it.
type position struct {
	next      int64     // the offset of the next record
	end       int64     // the offset behind the newest record, as far as that is known
	read      int64     // records since the start
	bytes     int64     // of those
	time      time.Time // of the last record that was handed over; zero before the first
	delivered time.Time // when that was, or when the reading began
	paused    bool
	broken    bool // its next record is not in the topic
}

// start returns the position at which a partition is read first, and logs what is missing. It is called with
// f.mu locked.
func (f *Follower) start(p int32, first, end int64) *position {
	next, known := f.from[p]
	if !known {
		next = first
	}
	at := &position{next: f.inRange(p, next, first, end), end: end, delivered: time.Now()}
	f.from[p] = at.next
	return at
}

// inRange returns next if the partition has that record, or it is the one behind the newest. Else it logs and
// counts what is missing, and returns the oldest. It is called with f.mu locked.
func (f *Follower) inRange(p int32, next, first, end int64) int64 {
	switch {
	case next < first:
		f.lost += first - next
		f.log.Error("records are missing, the topic's retention has deleted them", "topic", f.o.Topic, "partition", p, "expected_offset", next, "oldest_offset", first, "missing", first-next,
			"hint", "raise retention.ms of the topic, or let the table keep up")
		return first
	case next > end:
		f.log.Error("topic ends before the offset that was read, it is read from its oldest record", "topic", f.o.Topic, "partition", p, "expected_offset", next, "oldest_offset", first, "end_offset", end,
			"hint", "the topic was made anew, or brokers have lost records")
		return first
	}
	return next
}

// setBroken notes that the next record of a partition is not in the topic.
func (f *Follower) setBroken(p int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at := f.parts[p]; at != nil {
		at.broken = true
	}
}

// mend lets broken partitions go on with their oldest record.
func (f *Follower) mend(ctx context.Context, cl *kgo.Client) {
	f.mu.Lock()
	broken := false
	for _, at := range f.parts {
		broken = broken || at.broken
	}
	f.mu.Unlock()
	if !broken {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	starts, ends, err := f.bounds(ctx, cl)
	if err != nil {
		f.note(err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	set := map[int32]kgo.EpochOffset{}
	for p, at := range f.parts {
		if at.broken {
			at.next, at.end, at.broken = f.inRange(p, at.next, starts[p], ends[p]), ends[p], false
			f.from[p] = at.next
			set[p] = kgo.EpochOffset{Epoch: -1, Offset: at.next}
		}
	}
	cl.SetOffsets(map[string]map[int32]kgo.EpochOffset{f.o.Topic: set})
}

// refresh reads the ends of the partitions, and adds new partitions.
func (f *Follower) refresh(ctx context.Context, cl *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, ids, err := f.describe(ctx, cl)
	if err != nil {
		return err
	}
	starts, ends, err := f.bounds(ctx, cl)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range ids {
		if at := f.parts[p]; at != nil {
			at.end = max(at.end, ends[p])
			continue
		}
		at := f.start(p, starts[p], ends[p])
		f.parts[p] = at
		f.log.Info("topic has a new partition", "topic", f.o.Topic, "partition", p)
		cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{f.o.Topic: {p: kgo.NewOffset().At(at.next)}})
	}
	return nil
}

// balance pauses the partitions that are far ahead of the slowest, and lets those go on that no longer are.
func (f *Follower) balance(cl *kgo.Client, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pause, resume := plan(f.parts, now)
	if len(pause) > 0 {
		cl.PauseFetchPartitions(map[string][]int32{f.o.Topic: pause})
	}
	if len(resume) > 0 {
		cl.ResumeFetchPartitions(map[string][]int32{f.o.Topic: resume})
	}
}

// plan returns the partitions to pause and to resume, and marks them.
func plan(parts map[int32]*position, now time.Time) (pause, resume []int32) {
	var slowest time.Time
	waits := false // for a partition whose time is slowest
	for _, at := range parts {
		// A partition that was read to its end holds nothing back, and neither does a silent one.
		if at.paused || at.next >= at.end || now.Sub(at.delivered) > silentAfter {
			continue
		}
		if !waits || at.time.Before(slowest) {
			slowest, waits = at.time, true
		}
	}
	for p, at := range parts {
		ahead := at.time.Sub(slowest)
		switch {
		case !at.paused && waits && !at.time.IsZero() && ahead > aheadMost:
			at.paused = true
			pause = append(pause, p)
		case at.paused && (!waits || ahead <= aheadMost/2):
			at.paused, at.delivered = false, now
			resume = append(resume, p)
		}
	}
	return pause, resume
}

// Lag is how far the reading is behind the topic's end.
type Lag struct {
	Records int64
	Bytes   int64         // by the mean of those that were read; -1 before the first
	Time    time.Duration // since the oldest record that is not read was made, as far as that is known
}

// Lag returns the lag of all partitions that are read. The topic's end is read every ten seconds.
func (f *Follower) Lag() Lag {
	f.mu.Lock()
	defer f.mu.Unlock()
	var l Lag
	var read, bytes int64
	for _, at := range f.parts {
		left := max(at.end-at.next, 0)
		l.Records += left
		read, bytes = read+at.read, bytes+at.bytes
		if left > 0 && !at.time.IsZero() {
			l.Time = max(l.Time, time.Since(at.time))
		}
	}
	switch {
	case l.Records == 0:
	case read == 0:
		l.Bytes = -1
	default:
		l.Bytes = l.Records * (bytes / read)
	}
	return l
}

// FollowStats are the state and the counts of a Follower since it was started.
type FollowStats struct {
	Connected  bool   // whether a broker answered the last request
	Error      string // why the last attempt failed, with a hint; "" after a success
	Foreign    int64  // records that this package did not make
	Missing    int64  // records that the topic's retention deleted before they were read
	Fetched    int64  // bytes of records that are fetched and not handed over
	Partitions int
	Paused     int // partitions that wait for slower ones
}

// Stats returns the state and the counts.
func (f *Follower) Stats() FollowStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := FollowStats{Foreign: f.foreign, Missing: f.lost, Partitions: len(f.parts)}
	for _, at := range f.parts {
		if at.paused {
			st.Paused++
		}
	}
	if cl := f.current.Load(); cl != nil {
		st.Fetched = cl.BufferedFetchBytes()
	}
	st.Connected, st.Error, _, _ = f.state.get(0)
	return st
}
