package kafka

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
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
