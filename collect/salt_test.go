package collect

import (
	"testing"
	"time"
)

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
