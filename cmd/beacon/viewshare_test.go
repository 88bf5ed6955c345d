package main

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestViewShare_TimeIsOver_AllAgain(t *testing.T) {
	v := openViewShare(t.TempDir(), slog.Default())
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	v.now = func() time.Time { return now }
	if got := v.get(); got != (timedShare{Share: 1}) {
		t.Errorf("at first the share is %v", got)
	}
	if err := v.set(0.1, 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := v.get(); got != (timedShare{0.1, now.Add(2 * time.Hour)}) {
		t.Errorf("after set the share is %v", got)
	}
	now = now.Add(2 * time.Hour)
	if got := v.get(); got != (timedShare{Share: 1}) {
		t.Errorf("after its time the share is %v", got)
	}
}

func TestViewShare_Reopened_Kept(t *testing.T) {
	dir := t.TempDir()
	v := openViewShare(dir, slog.Default())
	if err := v.set(0, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := openViewShare(dir, slog.Default()).get(); got != v.get() || got.Share != 0 {
		t.Errorf("got %v, want %v", got, v.get())
	}
	if err := v.set(1, 0); err != nil {
		t.Fatal(err)
	}
	if got := openViewShare(dir, slog.Default()).get(); got != (timedShare{Share: 1}) {
		t.Errorf("got %v, want a share of 1", got)
	}
}

func TestViewShare_Invalid_Refused(t *testing.T) {
	v := openViewShare(t.TempDir(), slog.Default())
	for _, tt := range []struct {
		share    float64
		duration time.Duration
	}{{-0.1, time.Hour}, {1.1, time.Hour}, {math.NaN(), time.Hour}, {math.Inf(1), time.Hour}, {0.5, 0}, {0.5, -time.Hour}, {0.5, 367 * 24 * time.Hour}} {
		if err := v.set(tt.share, tt.duration); !errors.Is(err, errShare) {
			t.Errorf("%v for %v: got %v", tt.share, tt.duration, err)
		}
	}
	if got := v.get(); got.Share != 1 {
		t.Errorf("the share is %v", got)
	}
}

func TestViewShare_DamagedFile_LoggedAndAllAreSent(t *testing.T) {
	for _, text := range []string{"", "{", `{"share":7,"until":"2030-01-01T00:00:00Z"}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, viewShareFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		if got := openViewShare(dir, slog.New(slog.NewTextHandler(&log, nil))).get(); got.Share != 1 || !strings.Contains(log.String(), viewShareFile) {
			t.Errorf("%q: got %v, log %s", text, got, &log)
		}
	}
}
