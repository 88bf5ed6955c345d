package kafka

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

func TestShip_LargeBodies_ArriveInOrder(t *testing.T) {
	t.Parallel()
	h := newHarness(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "33554432"}))
	h.ship()
	for range 2 {
		h.put(numbered(20)...)
		h.put(random(1<<20), random(16<<20), random(1<<20))
	}
	h.await()
	h.expectOnce(true)
}

func TestShip_DamagedRecord_IsSkippedIntoDead(t *testing.T) {
	h := newHarness(t)
	h.put(numbered(3)...)
	damaged := h.record(idOf(1), []byte("damaged"))
	damaged[len(damaged)-6] ^= 1
	h.append(damaged)
	h.put(numbered(3)...)
	h.ship()
	h.await()
	h.expectOnce(true)
	files, _ := filepath.Glob(filepath.Join(h.dir, deadName, "*.corrupt"))
	if n := h.shipper.Stats().Damaged; n != 1 || len(files) != 1 {
		t.Errorf("%d damaged records are counted, and the files are %q, want 1", n, files)
	}
}

func TestShip_BrokerNeverAnswers_MemoryIsBounded(t *testing.T) {
	h := newHarness(t, kfake.NumBrokers(1))
	h.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		h.cluster.KeepControl()
		return nil, nil, true // no answer
	})
	body := random(2000)
	for range 50 {
		var all []byte
		for range 700 {
			all = append(all, h.record(idOf(1), body)...)
			if len(all) > 1<<20 {
				h.append(all)
				all = all[:0]
			}
		}
		h.append(all)
	}
	before := heapBytes()
	h.ship()
	proctest.Eventually(t, func() error {
		if h.shipper.window.room() >= chunkBytes {
			return errors.New("the window is not full")
		}
		return nil
	})
	grown := heapBytes() - before
	if grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB, want 32 and some buffers", grown>>20)
	}
	st := h.shipper.Stats()
	if st.LagBytes != h.shipper.Backlog() || st.LagBytes < 70<<20 || st.LagRecords != -1 {
		t.Errorf("stats are %+v, want a backlog of more than 70 MiB", st)
	}
	t.Logf("%d MiB of heap with %d records under way", grown>>20, st.Unacknowledged)
}

func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestWait_ThousandsOfWaiters_EachReturns(t *testing.T) {
	h := newHarness(t)
	h.ship()
	var wg sync.WaitGroup
	for range 50 {
		h.put(numbered(10)...)
		end := h.end()
		for i := range 100 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				defer cancel()
				if i%10 == 0 {
					cancel()
				}
				err := h.shipper.Wait(ctx, end)
				if reached := h.shipper.Reached(); err == nil && reached.Before(end) || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("Wait returned %v at %v, want %v", err, reached, end)
				}
			})
		}
	}
	wg.Wait()
	if n := len(h.shipper.window.waiters); n != 0 {
		t.Errorf("%d waiters are left", n)
	}
}

func TestWait_EmptySegmentBehindLastRecord_Returns(t *testing.T) {
	h := newHarness(t)
	h.put(numbered(10)...)
	h.ship()
	h.await()
	if _, err := h.in.Forget(time.Now().Add(24*time.Hour), time.Hour, h.shipper.Reached()); err != nil { // begins a new segment
		t.Fatal(err)
	}
	if end := h.end(); end.Offset != 0 {
		t.Fatalf("the inbox ends at %v, want the beginning of a segment", end)
	}
	h.await()
}

func TestClose_RestOfInbox_IsShippedAndCursorSaved(t *testing.T) {
	h := newHarness(t)
	h.put(numbered(3000)...)
	h.ship()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := h.shipper.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if saved, err := loadCursor(h.dir); err != nil || saved != h.end() {
		t.Errorf("the cursor is %v, error %v, want %v", saved, err, h.end())
	}
	h.expectOnce(true)
	if err := h.shipper.Wait(ctx, h.end()); err != nil {
		t.Errorf("Wait after Close returned %v", err)
	}
	next := h.end()
	next.Offset++
	if err := h.shipper.Wait(ctx, next); !errors.Is(err, errClosed) {
		t.Errorf("Wait for later records returned %v, want %v", err, errClosed)
	}
}

func TestShip_CursorFileDamaged_IsAnErrorWithAHint(t *testing.T) {
	h := newHarness(t)
	if err := os.WriteFile(filepath.Join(h.dir, cursorName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Ship(h.in, h.options); err == nil || !strings.Contains(err.Error(), "hint: delete the file") {
		t.Errorf("Ship returned %v", err)
	}
}

func TestShip_DeadFolderCanNotBeWritten_RecordWaits(t *testing.T) {
	h := newHarness(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}))
	dead := filepath.Join(h.dir, deadName)
	if err := os.WriteFile(dead, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	h.ship()
	h.put(numbered(10)...)
	h.put(random(30_000))
	large := h.order[len(h.order)-1]
	h.put(numbered(10)...)
	proctest.Eventually(t, func() error {
		if st := h.shipper.Stats(); !strings.Contains(st.Error, deadName) || st.TooLarge != 0 {
			return errors.New(st.Error)
		}
		return nil
	})
	if err := os.Remove(dead); err != nil {
		t.Fatal(err)
	}
	h.await()
	h.expectOnce(false, large)
	h.expectDead(map[uuid.UUID]bool{large: true})
}
