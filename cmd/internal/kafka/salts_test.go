package kafka

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"
)

func TestSalts_ManyCollectorsAtOnce_HaveTheSame(t *testing.T) {
	h := newHarness(t)
	now := time.Now()
	day := now.Unix() / (24 * 60 * 60)
	var all []*Salts
	var started sync.WaitGroup
	for range 8 {
		s := NewSalts(h.options.Options)
		all = append(all, s)
		started.Go(func() {
			if err := s.update(t.Context(), now); err != nil {
				t.Error(err)
			}
		})
	}
	started.Wait()
	late := NewSalts(h.options.Options)
	if err := late.update(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	today, _ := late.Of(day)
	tomorrow, ok := late.Of(day + 1)
	if !ok || len(today) != SaltBytes || bytes.Equal(today, tomorrow) {
		t.Fatalf("today %x, tomorrow %x", today, tomorrow)
	}
	for _, s := range all {
		a, _ := s.Of(day)
		b, _ := s.Of(day + 1)
		if !bytes.Equal(a, today) || !bytes.Equal(b, tomorrow) {
			t.Errorf("%x and %x, want %x and %x", a, b, today, tomorrow)
		}
	}
}

func TestSalts_NextDay_IsTheOneOfTomorrowAndOldOnesAreForgotten(t *testing.T) {
	h := newHarness(t)
	now := time.Now()
	day := now.Unix() / (24 * 60 * 60)
	s := NewSalts(h.options.Options)
	if err := s.update(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	tomorrow, _ := s.Of(day + 1)
	if err := s.update(t.Context(), now.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Of(day + 1); !bytes.Equal(got, tomorrow) {
		t.Errorf("the salt of a day has changed")
	}
	if _, ok := s.Of(day); ok {
		t.Error("yesterday's salt is still known")
	}
	if _, ok := s.Of(day + 2); !ok {
		t.Error("there is no salt for the day after")
	}
}

func TestSalts_LogIsAway_NotReady(t *testing.T) {
	h := newHarness(t)
	h.cluster.Close()
	s := NewSalts(h.options.Options)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.update(ctx, time.Now()); err == nil {
		t.Error("there is no error")
	}
	select {
	case <-s.Ready():
		t.Error("it is ready")
	default:
	}
}
