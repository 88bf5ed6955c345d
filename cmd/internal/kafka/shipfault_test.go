package kafka

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

func TestShip_BrokerClosesConnections_EachRecordOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var closed atomic.Int32
	h.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		h.cluster.KeepControl()
		if closed.Add(1) > 6 {
			h.cluster.DropControl()
			return nil, nil, false
		}
		return nil, errors.New("closed"), true
	})
	h.ship()
	for range 10 {
		h.put(numbered(50)...)
	}
	h.await()
	if h.expectOnce(true); h.shipper.Stats().Retries < 6 {
		t.Errorf("stats count %d retries, want 6 or more", h.shipper.Stats().Retries)
	}
}

// losses is how many answers are lost.
const losses = 10

// A lossyConn loses answers: it is closed at every eighth.
type lossyConn struct {
	net.Conn
	writes *atomic.Int32
	lost   *atomic.Int32
}

func (c lossyConn) Write(b []byte) (int, error) {
	if n := c.writes.Add(1); n > 30 && n%8 == 0 && c.lost.Add(1) <= losses {
		c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

type lossyListener struct {
	net.Listener
	writes, lost *atomic.Int32
}

func (l lossyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return lossyConn{c, l.writes, l.lost}, err
}

func TestShip_AnswersAreLost_EachRecordOnce(t *testing.T) {
	t.Parallel()
	var writes, lost atomic.Int32
	h := newHarness(t, kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		return lossyListener{l, &writes, &lost}, err
	}))
	h.ship()
	for lost.Load() <= losses {
		h.put(numbered(10)...)
		h.await()
	}
	h.expectOnce(true)
}

func TestShip_SlowBroker_ReachedMovesInOrder(t *testing.T) {
	h := newHarness(t, kfake.NumBrokers(2), kfake.SeedTopics(2, testTopic))
	release := make(chan struct{})
	var first atomic.Bool
	h.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		if first.CompareAndSwap(false, true) { // the first request waits; those of the other broker are answered
			h.cluster.SleepControl(func() { <-release })
		} else {
			h.cluster.KeepControl()
		}
		return nil, nil, false
	})
	h.ship()
	h.put(numbered(100)...)
	proctest.Eventually(t, func() error {
		if !first.Load() {
			return errors.New("no request has arrived")
		}
		return nil
	})
	h.put(numbered(100)...)
	if reached := h.shipper.Reached(); reached != h.shipper.window.reached || h.end() == reached {
		t.Errorf("%v is reached while the first records wait", reached)
	}
	close(release)
	h.await()
	h.expectOnce(true)
}

func TestShip_NotEnoughReplicas_CostsLessThanASecond(t *testing.T) {
	h := newHarness(t)
	h.ship()
	h.put(numbered(10)...)
	h.await()
	h.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 2})
	began := time.Now()
	h.put(numbered(1)...)
	h.await()
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("two refusals cost %v, want less than 1 s each", d)
	}
	if st := h.shipper.Stats(); st.Retries != 2 || st.Error != "" {
		t.Errorf("stats are %+v, want 2 retries and no error", st)
	}
}

func TestShip_BrokerAway_StatsSayWhy(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	good := h.options.Brokers
	h.options.Brokers = []string{"127.0.0.1:1"}
	h.ship()
	h.put(numbered(10)...)
	proctest.Eventually(t, func() error {
		if st := h.shipper.Stats(); st.Connected || !strings.Contains(st.Error, "no Kafka broker answers at 127.0.0.1:1") || st.Unacknowledged != 10 || st.LagBytes == 0 || st.LagTime <= 0 {
			return errors.New(st.Error)
		}
		return nil
	})
	proctest.Eventually(t, func() error {
		if !strings.Contains(h.logged.String(), "log takes no records, they wait") {
			return errors.New(h.logged.String())
		}
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.shipper.Close(ctx); err != nil {
		t.Error(err)
	}
	h.options.Brokers = good
	h.ship()
	h.await()
	h.expectOnce(true)
}

func TestShip_TopicDeletedAndMadeAgain_ShipsOn(t *testing.T) {
	h := newHarness(t)
	h.ship()
	h.put(numbered(100)...)
	h.await()
	cl, err := h.options.client()
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	admin, ctx := kadm.NewClient(cl), context.Background()
	if _, err := admin.DeleteTopic(ctx, testTopic); err != nil {
		t.Fatal(err)
	}
	h.sent, h.order = map[uuid.UUID][]byte{}, nil
	h.put(numbered(100)...)
	proctest.Eventually(t, func() error {
		if st := h.shipper.Stats(); !strings.Contains(st.Error, "topic beacons does not exist") {
			return errors.New(st.Error)
		}
		return nil
	})
	if _, err := admin.CreateTopic(ctx, 4, 1, nil, testTopic); err != nil {
		t.Fatal(err)
	}
	h.await()
	h.expectOnce(false)
}

func TestShip_CrashBeforeCursorIsSaved_RepeatsThatOnly(t *testing.T) {
	h := newHarness(t)
	h.ship()
	h.put(numbered(500)...)
	h.await()
	proctest.Eventually(t, func() error { // until the cursor is saved
		if saved, err := loadCursor(h.dir); err != nil || saved != h.end() {
			return errors.Join(err, errors.New("the cursor is not saved"))
		}
		return nil
	})
	saved, err := os.ReadFile(filepath.Join(h.dir, cursorName))
	if err != nil {
		t.Fatal(err)
	}
	before := len(h.order)
	h.put(numbered(200)...)
	h.await()
	h.crash()
	// As if the crash came before the cursor was saved once more.
	if err := os.WriteFile(filepath.Join(h.dir, cursorName), saved, 0o600); err != nil {
		t.Fatal(err)
	}
	h.ship()
	h.put(numbered(100)...)
	h.await()
	times := map[[16]byte]int{}
	for _, records := range h.fetch() {
		for _, r := range records {
			times[[16]byte(r.Key)]++
		}
	}
	for i, id := range h.order {
		if want := 1 + b2i(i >= before && i < before+200); times[id] != want {
			t.Fatalf("record %d is %d times in the topic, want %d", i, times[id], want)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestShip_LargeBodies_ArriveInOrder(t *testing.T) {
	t.Parallel()
	h := newHarness(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "33554432"}))
	h.ship()
	for range 3 {
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
