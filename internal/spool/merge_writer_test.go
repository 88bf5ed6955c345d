package spool

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestAlive_EndedProcessAndGroups_False(t *testing.T) {
	pids := map[int]bool{os.Getpid(): true, os.Getppid(): true, endedProcess(): false, noWriter: false}
	if runtime.GOOS != "windows" {
		pids[1] = true // of another user, if the test is not root's
	}
	for pid, want := range pids {
		if got := alive(pid); got != want {
			t.Errorf("alive(%d) = %v", pid, got)
		}
	}
}

func TestWriterOf_Names(t *testing.T) {
	for name, want := range map[string]int{
		newName("20260101T000000.000000Z", 4711): 4711,
		segmentName(time.Now(), ""):              os.Getpid(),
		"20260101T000000.000000Z-0-aa.warc":      0,
		"20260101T000000.000000Z.warc":           -1,
		"20260101T000000.000000Z (copy).warc":    -1,
		"20260101T000000.000000Z-x-aa.warc":      -1,
		"20260101T000000.000000Z--1-aa.warc":     -1,
		"20260101T000000.000000Z-4294967297-aa":  -1,
		"x.warc":                                 -1,
	} {
		got, ok := writerOf(name)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("writerOf(%q) = %d, want %d", name, got, want)
		}
	}
}
