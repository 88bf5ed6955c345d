package spool

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestNobodyWaitsLongForASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		in := newInbox(t, &faultFS{fail: func(op, name string) error {
			if op == "sync" {
				<-stuck
			}
			return nil
		}}, 1<<20)
		began := time.Now()
		if err := in.Append(encoded(t, "late")); !errors.Is(err, ErrSlow) || time.Since(began) != inboxPatience {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		close(stuck)
		synctest.Wait()
		// It got there after all, and so does what follows.
		if err := in.Append(encoded(t, "in time")); err != nil {
			t.Fatal(err)
		}
		r := in.Reader(Cursor{})
		defer r.Close()
		for _, want := range []string{"late", "in time"} {
			it, err := r.TryNext()
			if err != nil || string(it.Record.Request.Body) != want {
				t.Fatalf("%q %v", it.Record.Request.Body, err)
			}
		}
	})
}

func TestWhatWaitsForASlowDiskIsBounded(t *testing.T) {
	in := newInbox(t, osFS{}, 1<<30)
	in.groups.patience = time.Hour
	record := encoded(t, string(make([]byte, 2<<20)))
	const n = 40
	answers := make(chan error, n)
	in.groups.disk.Lock()
	for range n {
		go func() { answers <- in.Append(record) }()
	}
	fit := stalledBytes / len(record)
	for range n - fit {
		if err := <-answers; !errors.Is(err, ErrSlow) {
			t.Errorf("over the bound: %v", err)
		}
	}
	in.groups.disk.Unlock()
	for range fit {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if in.groups.waiting != 0 {
		t.Errorf("%d bytes are still counted", in.groups.waiting)
	}
	if err := in.Append(record); err != nil {
		t.Error(err)
	}
}

func TestARecordOverWhatMayWaitIsTakenAlone(t *testing.T) {
	in := newInbox(t, osFS{}, 1<<30)
	if err := in.Append(encoded(t, string(make([]byte, stalledBytes)))); err != nil {
		t.Error(err)
	}
}
