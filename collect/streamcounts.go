package collect

import "strings"

const (
	recentMinutes = 60
	// mostStreams bounds the streams that are counted one by one, and longestStream the bytes of the name of each.
	// Together they have half a megabyte: clients choose the paths.
	mostStreams   = 1000
	longestStream = 256
)

// minuteCounts are the numbers of beacons in each of the last minutes, and since the collector started. The zero
// value is ready. Minutes are counted from 1970.
type minuteCounts struct {
	newest  int64                 // the last minute of minutes
	minutes [recentMinutes]uint32 // oldest first
	total   uint64
}

// add counts a beacon of a minute. isNew is false if it came before the collector started.
func (m *minuteCounts) add(minute int64, isNew bool) {
	m.advance(minute)
	if age := m.newest - minute; age < recentMinutes {
		m.minutes[recentMinutes-1-age]++
	}
	if isNew {
		m.total++
	}
}

// advance moves the counts on to a minute, unless it is past.
func (m *minuteCounts) advance(minute int64) {
	by := minute - m.newest
	if by <= 0 {
		return
	}
	n := copy(m.minutes[:], m.minutes[min(by, recentMinutes):])
	clear(m.minutes[n:])
	m.newest += by
}

// streamCounts are the counts of each stream, in bounded memory. When it is full, it removes the streams
// without a beacon in the last hour. The zero value is ready.
type streamCounts struct {
	by        map[string]*minuteCounts
	uncounted uint64 // beacons since the collector started that no stream of by has
	swept     int64  // the minute of the last removal
}

func (s *streamCounts) add(stream string, minute int64, isNew bool) {
	m := s.by[stream]
	if m == nil && len(stream) <= longestStream && s.hasRoom(minute) {
		if s.by == nil {
			s.by = map[string]*minuteCounts{}
		}
		m = new(minuteCounts)
		s.by[strings.Clone(stream)] = m // stream is a part of the request's head
	}
	switch {
	case m != nil:
		m.add(minute, isNew)
	case isNew:
		s.uncounted++
	}
}

// hasRoom reports whether one more stream can be counted. It looks for idle streams at most once a minute,
// because a client can send to a new path each time.
func (s *streamCounts) hasRoom(minute int64) bool {
	if len(s.by) >= mostStreams && s.swept < minute {
		s.swept = minute
		for stream, m := range s.by {
			if m.advance(minute); m.minutes == [recentMinutes]uint32{} {
				s.uncounted += m.total
				delete(s.by, stream)
			}
		}
	}
	return len(s.by) < mostStreams
}

// sum returns the counts of the streams that match, up to a minute.
func (s *streamCounts) sum(match func(stream string) bool, minute int64) minuteCounts {
	sum := minuteCounts{newest: minute}
	for stream, m := range s.by {
		if !match(stream) {
			continue
		}
		m.advance(minute)
		for i, n := range m.minutes {
			sum.minutes[i] += n
		}
		sum.total += m.total
	}
	return sum
}
