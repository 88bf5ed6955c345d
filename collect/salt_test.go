package collect

import (
	"testing"
	"time"
)

func TestHash_SharedSalt_CollectorsAgreeAndPurposesDiffer(t *testing.T) {
	shared := func(day int64) ([]byte, bool) {
		return []byte("0123456789abcdef"), day == 20_000
	}
	day := time.Unix(20_000*24*60*60, 0)
	a, b := salt{purpose: "visitor", shared: shared}, salt{purpose: "visitor", shared: shared}
	other := salt{purpose: "address", shared: shared}
	data := []byte("192.0.2.1")
	if a.hash(data, day) != b.hash(data, day) {
		t.Error("two collectors with a shared salt have two hashes")
	}
	if a.hash(data, day) == other.hash(data, day) {
		t.Error("an id of a visitor is the hash of its address")
	}
	if next := day.Add(24 * time.Hour); a.hash(data, next) == b.hash(data, next) {
		t.Error("without a shared salt two collectors have the same hash")
	}
}

func TestHash_RequestBegunBeforeMidnight_SaltStays(t *testing.T) {
	var s salt
	a := []byte("192.0.2.1")
	midnight := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	first := s.hash(a, midnight.Add(time.Second))
	s.hash(a, midnight.Add(-2*time.Second))
	if second := s.hash(a, midnight.Add(3*time.Second)); second != first {
		t.Errorf("one address has two hashes on one day: %s and %s", first, second)
	}
}
