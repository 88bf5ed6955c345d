package script

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestShare_TimeIsOver_AllAgain(t *testing.T) {
	s, err := OpenShare(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	if got := s.Now(); got != 1 {
		t.Errorf("at first the share is %v", got)
	}
	if limit, err := s.Set(0.1, 2*time.Hour); err != nil || limit != (Limit{0.1, now.Add(2 * time.Hour)}) {
		t.Errorf("got %v, %v", limit, err)
	}
	if got := s.Now(); got != 0.1 {
		t.Errorf("then it is %v", got)
	}
	now = now.Add(2 * time.Hour)
	if got := s.Limit(); got != (Limit{Share: 1}) {
		t.Errorf("after its time it is %v", got)
	}
}

func TestShare_Reopened_Kept(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenShare(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Set(0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = OpenShare(dir); err != nil || s.Limit() != want {
		t.Errorf("got %v, %v, want %v", s.Limit(), err, want)
	}
}

func TestShare_Invalid_Refused(t *testing.T) {
	s, err := OpenShare(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		share    float64
		duration time.Duration
	}{{-0.1, time.Hour}, {1.1, time.Hour}, {math.NaN(), time.Hour}, {math.Inf(1), time.Hour}, {0.5, 0}, {0.5, -time.Hour}, {0.5, 367 * 24 * time.Hour}} {
		if _, err := s.Set(tt.share, tt.duration); !errors.Is(err, ErrLimit) {
			t.Errorf("%v for %v: got %v", tt.share, tt.duration, err)
		}
	}
	if got := s.Now(); got != 1 {
		t.Errorf("the share is %v", got)
	}
}

func TestOpenShare_DamagedFile_ErrorNamesFile(t *testing.T) {
	for _, text := range []string{"", "{", `{"share":7,"until":"2030-01-01T00:00:00Z"}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenShare(dir); err == nil || !strings.Contains(err.Error(), "delete this file") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
