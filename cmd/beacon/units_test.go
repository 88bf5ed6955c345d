package main

import (
	"testing"
	"time"
)

func TestAgesAndSizes(t *testing.T) {
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "0.5d": 12 * time.Hour, "36h": 36 * time.Hour, "1h30m": 90 * time.Minute} {
		if a := ageFlag(0); a.Set(text) != nil || time.Duration(a) != want {
			t.Errorf("%s is %v", text, time.Duration(a))
		}
	}
	for text, want := range map[string]int64{"50GiB": 50 << 30, "1.5MiB": 3 << 19, "512 KiB": 1 << 19, "100B": 100, "2TiB": 2 << 40, "1048576": 1 << 20} {
		if z := sizeFlag(0); z.Set(text) != nil || int64(z) != want {
			t.Errorf("%s is %d", text, z)
		}
	}
	for _, text := range []string{"", "d", "0d", "-1d", "90", "NaNd", "1e9d", "90days", "0s", "-1h"} {
		if a := ageFlag(0); a.Set(text) == nil {
			t.Errorf("%q is %v", text, time.Duration(a))
		}
	}
	for _, text := range []string{"", "GiB", "0GiB", "-1GiB", "0", "-1", "50GB", "NaNGiB", "1e30TiB", "iB"} {
		if z := sizeFlag(0); z.Set(text) == nil {
			t.Errorf("%q is %d", text, z)
		}
	}
}
