package beacon

import (
	"iter"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// A Beacon is a request that waits in an outbox.
type Beacon struct {
	ID     uuid.UUID
	Sent   time.Time // when Send was called
	Method string
	URL    string
	Header http.Header // without those of [Config.HeaderFile]
	Body   []byte
}

// Pending returns the beacons that wait in the sender's outbox, also those of other programs. Those of one process
// come oldest first. The last pair may have an error instead, which names the parts of the outbox that can't be read.
func (s *Sender) Pending() iter.Seq2[Beacon, error] {
	return s.pending()
}

// Drop deletes beacons of the sender's outbox without delivering them, also while a deliverer runs. They are
// counted as dropped. Those in the folder dead are deleted too. Unknown IDs are ignored. A beacon that is under
// way may still arrive. Drop waits for a deliverer for 20 s at most.
func (s *Sender) Drop(ids ...uuid.UUID) error {
	return wrap("drop", s.drop(ids))
}
