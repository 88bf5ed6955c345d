package kafka

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

func TestShip_Records_ArriveOnceInOrder(t *testing.T) {
	h := newHarness(t)
	h.put(numbered(1000)...)
	h.ship()
	h.put(numbered(1000)...)
	h.await()
	h.expectOnce(true)
	for _, records := range h.fetch() {
		for _, r := range records {
			for name, want := range map[string]string{typeHeader: warcType, streamHeader: "/track", collectorHeader: "test", schemaHeader: "1"} {
				if got := header(r, name); got != want {
					t.Errorf("header %s is %q, want %q", name, got, want)
				}
			}
			if time.Since(r.Timestamp) > time.Minute {
				t.Errorf("timestamp is %v", r.Timestamp)
			}
		}
	}
	st := h.shipper.Stats()
	if st.Acknowledged != 2000 || st.LagBytes != 0 || st.LagRecords != 0 || st.LagTime != 0 || !st.Connected || st.Error != "" {
		t.Errorf("stats are %+v", st)
	}
}

func TestShip_BrokerError_EachRecordOnce(t *testing.T) {
	for _, err := range []*kerr.Error{
		kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.RequestTimedOut,
		kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.MessageTooLarge,
		kerr.CorruptMessage, kerr.InvalidRecord, kerr.UnknownServerError, kerr.KafkaStorageError, kerr.PolicyViolation, kerr.InvalidTimestamp,
		kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerEpoch,
	} {
		t.Run(err.Message, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			fault := h.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: testTopic, Err: err, Count: 5})
			h.ship()
			for range 10 {
				h.put(numbered(50)...)
			}
			h.await()
			if fault.Hits() != 5 {
				t.Errorf("the fault was hit %d times, want 5", fault.Hits())
			}
			h.expectOnce(false)
			if n := h.shipper.Stats().TooLarge; n > 0 {
				t.Errorf("%d records are in dead/, want none", n)
			}
		})
	}
}

func TestShip_ErrorOfOtherRequest_EachRecordOnce(t *testing.T) {
	for name, fault := range map[string]kfake.Fault{
		"no right to describe":         {Keys: []kmsg.Key{kmsg.Metadata}, Topic: testTopic, Err: kerr.TopicAuthorizationFailed},
		"topic unknown":                {Keys: []kmsg.Key{kmsg.Metadata}, Topic: testTopic, Err: kerr.UnknownTopicOrPartition},
		"no leader":                    {Keys: []kmsg.Key{kmsg.Metadata}, Topic: testTopic, Err: kerr.LeaderNotAvailable},
		"no right to be idempotent":    {Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Err: kerr.ClusterAuthorizationFailed},
		"coordinator not available":    {Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Err: kerr.CoordinatorNotAvailable},
		"no right to describe configs": {Keys: []kmsg.Key{kmsg.DescribeConfigs}, Resource: testTopic, Err: kerr.TopicAuthorizationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			fault.Count = 3
			h.cluster.Fault(fault)
			h.ship()
			for range 10 {
				h.put(numbered(50)...)
			}
			h.await()
			h.expectOnce(false)
		})
	}
}

func TestShip_WrongPasswordIsCorrected_ShipsOn(t *testing.T) {
	h := newHarness(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "secret"))
	var correct atomic.Bool
	h.options.SASL, h.options.User = Plain, "admin"
	h.options.Password = func() (string, error) {
		if correct.Load() {
			return "secret", nil
		}
		return "swordfish", nil
	}
	h.ship()
	h.put(numbered(10)...)
	proctest.Eventually(t, func() error {
		if st := h.shipper.Stats(); st.Connected || !strings.Contains(st.Error, "the password") {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	correct.Store(true)
	h.await()
	h.expectOnce(true)
}

func TestShip_RecordTooLargeForTopic_GoesToDead(t *testing.T) {
	h := newHarness(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}))
	h.ship()
	h.put(numbered(300)...)
	h.put(random(30_000))
	large := h.order[len(h.order)-1]
	h.put(numbered(300)...)
	h.put(make([]byte, 30_000)) // compressed it fits
	h.put(numbered(300)...)
	h.await()
	h.expectOnce(false, large)
	if n := h.shipper.Stats().TooLarge; n != 1 {
		t.Errorf("%d records were too large, want 1", n)
	}
	h.expectDead(map[uuid.UUID]bool{large: true})
}
