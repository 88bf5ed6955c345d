package table

import (
	"slices"
	"time"
)

const (
	// pastAfter is how old a row must be when its file is added, for the addition to be a pastChange. Rows of beacons that
	// were just received are younger.
	pastAfter = time.Hour
	// maxPastChanges is how many changes a manifest lists.
	maxPastChanges = 100
)

// A pastChange is a change of rows that were received more than pastAfter before it: they were imported, erased, deleted
// for their age or for damage, written late, or got new columns. Compaction alone does not count.
type pastChange struct {
	Revision int64     `json:"revision"` // of the manifest that has the change
	First    time.Time `json:"first"`    // all rows that changed were received between these
	Last     time.Time `json:"last"`
}

// notePast adds to next what it changes of the past.
func (m *manifest) notePast(next *manifest, now time.Time) {
	added, removed := difference(next.Files, m.Files), difference(m.Files, next.Files)
	c := pastChange{Revision: m.Revision + 1}
	for _, f := range slices.Concat(added, removed) {
		if c.First.IsZero() || f.First.Before(c.First) {
			c.First = f.First
		}
		if f.Last.After(c.Last) {
			c.Last = f.Last
		}
	}
	replaced := len(removed) > 0 && (sumRows(added) != sumRows(removed) || !slices.Equal(columnsOf(added), columnsOf(removed)))
	late := len(removed) == 0 && len(added) > 0 && c.First.Before(now.Add(-pastAfter))
	if !replaced && !late {
		return
	}
	next.Revision = c.Revision
	next.Past = append(slices.Clone(m.Past), c)
	if n := len(next.Past) - maxPastChanges; n > 0 {
		next.Past = next.Past[n:]
	}
}

// difference returns the files of a that b does not have.
func difference(a, b []File) (files []File) {
	names := map[string]bool{}
	for _, f := range b {
		names[f.Name] = true
	}
	return without(a, names)
}

func sumRows(files []File) (n int64) {
	for _, f := range files {
		n += f.Rows
	}
	return n
}

// columnsOf returns the columns that all of the files have.
func columnsOf(files []File) (columns []string) {
	for i, f := range files {
		if i == 0 {
			columns = slices.Clone(f.Columns)
		}
		columns = slices.DeleteFunc(columns, func(name string) bool { return !slices.Contains(f.Columns, name) })
	}
	return columns
}

// ChangedSince reports whether rows that were received from from to to can have changed since the snapshot with this
// Revision, in another way than that new beacons arrived.
func (s *Snapshot) ChangedSince(revision int64, from, to time.Time) bool {
	if revision > s.Revision || len(s.past) == maxPastChanges && revision < s.past[0].Revision-1 {
		return true
	}
	within := func(first, last time.Time) bool { return first.Before(to) && !last.Before(from) }
	return slices.ContainsFunc(s.past, func(c pastChange) bool { return c.Revision > revision && within(c.First, c.Last) }) ||
		slices.ContainsFunc(s.Files[len(s.Files)-s.Tails:], func(f File) bool { return within(f.First, f.Last) })
}
