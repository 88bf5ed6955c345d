package kafka

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestIsAgain_UnmarkedCopyBehindTheMarkedOne_IsAgain(t *testing.T) {
	var r repeats
	now := time.Unix(0, 0)
	id, other := uuid.New(), uuid.New()
	if r.isAgain(id, false, now) {
		t.Error("a first copy is again")
	}
	if !r.isAgain(id, true, now) || !r.isAgain(id, false, now.Add(repeatsKept)) {
		t.Error("the mark is forgotten")
	}
	if r.isAgain(other, false, now) {
		t.Error("another beacon is again")
	}
}

func TestIsAgain_ManyMarks_NewestAreKept(t *testing.T) {
	var r repeats
	now := time.Unix(0, 0)
	first := uuid.New()
	r.isAgain(first, true, now)
	var last uuid.UUID
	for range 2*mostRepeats + 1 {
		last = uuid.New()
		r.isAgain(last, true, now)
	}
	if len(r.newer)+len(r.older) > 2*mostRepeats {
		t.Errorf("%d ids are kept", len(r.newer)+len(r.older))
	}
	if r.isAgain(first, false, now) || !r.isAgain(last, false, now) {
		t.Error("not the newest are kept")
	}
}
