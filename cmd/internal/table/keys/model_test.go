package keys

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
)

// An arrival is a keyed record of the inbox.
type arrival struct {
	id       uuid.UUID
	position uint64
	at       time.Time
	repeated bool // by the model
}

// A writerModel does what the table's writer does. It adds arrivals, and after a crash it adds those
// again that came after the last Sync: the results have to be the same.
type writerModel struct {
	random   *rand.Rand
	now      time.Time
	known    map[uuid.UUID]time.Time // the first arrival within the window
	ids      []uuid.UUID
	inbox    []arrival
	position int // in inbox
	synced   int // the arrivals before it are durable
}

func newWriterModel(seed uint64) *writerModel {
	return &writerModel{random: rand.New(rand.NewPCG(seed, 1)), now: day, known: map[uuid.UUID]time.Time{}}
}

// arrive makes the next arrival: a new id, one of the last ones, or any earlier one.
func (c *writerModel) arrive() {
	switch n := c.random.IntN(1000); {
	case n < 1:
		c.now = c.now.Add(time.Duration(c.random.Int64N(int64(30 * time.Hour))))
	case n < 30:
		c.now = c.now.Add(-time.Duration(c.random.Int64N(int64(10 * time.Minute))))
	default:
		c.now = c.now.Add(time.Duration(c.random.Int64N(int64(4 * time.Minute))))
	}
	a := arrival{position: uint64(len(c.inbox) + 1), at: c.now}
	switch n := len(c.ids); {
	case n > 0 && c.random.IntN(4) == 0:
		a.id = c.ids[c.random.IntN(n)]
	case n > 0 && c.random.IntN(8) == 0:
		a.id = c.ids[n-1-c.random.IntN(min(n, 20))]
	default:
		for i := range a.id {
			a.id[i] = byte(c.random.Uint32())
		}
		c.ids = append(c.ids, a.id)
	}
	if first, ok := c.known[a.id]; ok && a.at.Sub(first).Abs() <= Window {
		a.repeated = true
	} else {
		c.known[a.id] = a.at
	}
	c.inbox = append(c.inbox, a)
}

// add gives the next arrival of the inbox to the Set.
func (c *writerModel) add(t *testing.T, s *Set) error {
	if c.position == len(c.inbox) {
		c.arrive()
	}
	a := c.inbox[c.position]
	repeated, err := s.Seen(a.id, a.position, a.at)
	if err == nil && repeated != a.repeated {
		t.Errorf("arrival %d, id %v at %v: seen %v, want %v", c.position, a.id, a.at, repeated, a.repeated)
	}
	if err == nil && !repeated {
		err = s.Add(a.id, a.position, a.at)
	}
	if err == nil {
		c.position++
	}
	return err
}

func (c *writerModel) sync(s *Set) error {
	err := s.Sync()
	if err == nil {
		c.synced = c.position
	}
	return err
}

func TestSet_RandomOperationsAndKills_AgreesWithModel(t *testing.T) {
	for seed := range uint64(3) {
		c := newWriterModel(seed)
		dir := t.TempDir()
		s := mustOpen(t, dir, small)
		for step := range 3500 {
			var err error
			switch n := c.random.IntN(1000); {
			case n < 20:
				err = c.sync(s)
			case n < 22:
				if c.synced > 0 {
					err = s.Expire(c.inbox[c.synced-1].at)
				}
			case n < 23:
				if err = c.sync(s); err == nil {
					err = s.Close()
					s = mustOpen(t, dir, small)
				}
			case n < 26:
				killed := copyFolder(t, dir)
				s.Close()
				dir, s = killed, mustOpen(t, killed, small)
				c.position = c.synced
			default:
				err = c.add(t, s)
			}
			if err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}
