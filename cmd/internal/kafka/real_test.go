package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/test/kafkatest"
)

// realHarness is newHarness with brokers of Kafka.
func realHarness(t testing.TB, brokers int) (*harness, *kafkatest.Cluster) {
	t.Helper()
	if testing.Short() {
		t.Skip("the test starts Kafka")
	}
	c := kafkatest.Start(t, brokers)
	h := newHarness(t)
	h.cluster.Close()
	h.options.Brokers = c.Addresses(kafkatest.Plain)
	return h, c
}

// create makes the topic.
func (h *harness) create(partitions int32, replicas int16, settings ...string) {
	h.Helper()
	configs := map[string]*string{}
	for i := 0; i < len(settings); i += 2 {
		configs[settings[i]] = &settings[i+1]
	}
	proctest.Eventually(h, func() error {
		_, err := h.admin().CreateTopic(h.Context(), partitions, replicas, configs, testTopic)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			err = nil
		}
		return err
	})
}

func TestReal_Check_SaysWhatIsWrong(t *testing.T) {
	h, c := realHarness(t, 1)
	o := h.options.Options

	_, err := h.check(1 << 20)
	expectError(t, err, "topic beacons does not exist\nhint: make it: kafka-topics.sh ")
	// The hint works, for as many replicas as there are brokers.
	_, line, _ := strings.Cut(err.Error(), "kafka-topics.sh ")
	args := strings.Fields(strings.Replace(line, "--replication-factor 3", "--replication-factor 1", 1))
	if out, err := c.Tool("org.apache.kafka.tools.TopicCommand", args...); err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	warnings, err := h.check(1 << 20)
	if err != nil || !strings.Contains(warnings, "8 of 8 partitions of topic beacons have one replica") || strings.Contains(warnings, "min.insync") {
		t.Errorf("Check of that topic: %q, %v", warnings, err)
	}

	h.set("min.insync.replicas", "1")
	h.set("max.message.bytes", "1000000")
	_, err = h.check(1 << 20)
	expectError(t, err, "topic beacons takes records of 1000000 bytes", "max.message.bytes=1131520")
	if warnings, err := h.check(1000); err != nil || !strings.Contains(warnings, "min.insync.replicas=1") {
		t.Errorf("Check of small beacons: %q, %v", warnings, err)
	}

	for _, mechanism := range []string{Plain, ScramSHA256, ScramSHA512} {
		h.options.Brokers, h.options.SASL, h.options.User = c.Addresses(kafkatest.SASL), mechanism, kafkatest.User
		h.options.Password = password("swordfish")
		_, err = h.check(0)
		expectError(t, err, `the broker refuses user "alice" or the password`, "hint: check both")
		h.options.Password = password(kafkatest.Password)
		_, err = h.check(0)
		expectError(t, err, `user "alice" has no right to topic beacons`, "--operation Write")
	}
	_, err = kadm.NewClient(mustClient(t, o)).CreateACLs(t.Context(), kadm.NewACLs().Allow("User:"+kafkatest.User).AllowHosts().Topics(testTopic).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite, kadm.OpDescribe))
	if err != nil {
		t.Fatal(err)
	}
	proctest.Eventually(t, func() error {
		warnings, err := h.check(1 << 20)
		if err == nil && !strings.Contains(warnings, "give the user the right DescribeConfigs") {
			err = errors.New(warnings)
		}
		return err
	})
	h.options.SASL, h.options.User = "", ""
	_, err = h.check(0)
	expectError(t, err, "hint: the port may want TLS (kafkas://), or a user with SASL")

	h.options.Options = o
	h.options.Brokers, h.options.TLS, h.options.CA = c.Addresses(kafkatest.TLS), true, c.CA
	if _, err := h.check(0); err != nil {
		t.Errorf("TLS with the right CA: %v", err)
	}
	h.options.CA = ""
	_, err = h.check(0)
	expectError(t, err, "the broker's certificate is not trusted", "hint: name the PEM file of its CA")
	h.options.TLS = false
	_, err = h.check(0)
	expectError(t, err, "kafkas://")
	h.options.Brokers, h.options.TLS = c.Addresses(kafkatest.Plain), true
	_, err = h.check(0)
	expectError(t, err, "kafka://")
	h.options.Options = o
	c.Kill(0)
	_, err = h.check(0)
	expectError(t, err, "no Kafka broker answers at 127.0.0.1:")
}

func TestReal_BrokerKilledMidway_EachRecordArrives(t *testing.T) {
	h, c := realHarness(t, 1)
	h.create(8, 1, "max.message.bytes", "1200000")
	h.ship()
	const all = 20_000
	for n := 0; n < all; n += 500 {
		h.put(numbered(500)...)
		if n == all/2 {
			proctest.Eventually(t, func() error {
				if h.shipper.Stats().Acknowledged == 0 {
					return errors.New("nothing is acknowledged")
				}
				return nil
			})
			c.Kill(0)
		}
	}
	proctest.Eventually(t, func() error {
		if st := h.shipper.Stats(); st.Connected || st.Error == "" {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	c.Restart(0)
	h.await()
	seen := map[uuid.UUID]int{}
	for _, records := range h.fetch() {
		for _, r := range records {
			seen[uuid.UUID(r.Key)]++
		}
	}
	twice := 0
	for _, id := range h.order {
		if seen[id] == 0 {
			t.Fatalf("record %v did not arrive", id)
		}
		twice += b2i(seen[id] > 1)
	}
	t.Logf("%d of %d records arrived twice; %+v", twice, all, h.shipper.Stats())
	if twice > 0 {
		t.Errorf("%d records arrived twice, want none: the producer is idempotent", twice)
	}
}

func TestReal_LeaderKilled_FailsOverWithin15Seconds(t *testing.T) {
	h, c := realHarness(t, 3)
	h.create(8, 3, "min.insync.replicas", "2")
	h.ship()
	h.put(numbered(1000)...)
	h.await()
	c.Kill(0)
	began := time.Now()
	h.put(numbered(1000)...)
	h.await()
	t.Logf("failover took %v", time.Since(began))
	if d := time.Since(began); d > 15*time.Second {
		t.Errorf("failover took %v, want 15 s at most", d)
	}
	h.expectOnce(true)

	// With two of three dead nothing is acknowledged, and nothing is lost.
	c.Kill(1)
	h.put(numbered(1000)...)
	proctest.Eventually(t, func() error {
		if st := h.shipper.Stats(); st.Error == "" || st.Unacknowledged == 0 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	c.Restart(1)
	h.await()
	h.expectOnce(true)
}

func TestReal_RecordTooLarge_GoesToDead(t *testing.T) {
	h, _ := realHarness(t, 1)
	h.create(2, 1) // with the default of max.message.bytes
	h.ship()
	h.put(numbered(100)...)
	h.put(random(1 << 20))
	large := h.order[len(h.order)-1]
	h.put(numbered(100)...)
	h.put(make([]byte, 16<<20), random(1_000_000)) // the first fits when it is compressed
	h.put(numbered(100)...)
	h.await()
	h.expectOnce(true, large)
	h.expectDead(map[uuid.UUID]bool{large: true})
	if !strings.Contains(h.logged.String(), "raise max.message.bytes of topic beacons to ") {
		t.Errorf("log:\n%s", h.logged)
	}

	// Lowered while it runs.
	h.set("max.message.bytes", "10000")
	h.put(numbered(500)...)
	h.put(random(12_000))
	second := h.order[len(h.order)-1]
	h.put(numbered(500)...)
	h.await()
	h.expectOnce(false, large, second)
	h.expectDead(map[uuid.UUID]bool{large: true, second: true})
}

func TestReal_Follow_ReadsWhatWasShipped(t *testing.T) {
	h, c := realHarness(t, 1)
	h.create(4, 1, "message.timestamp.type", "LogAppendTime")
	h.ship()
	h.put(numbered(5000)...)
	h.await()
	if err := Erase(t.Context(), h.options.Options, "test", h.order[:3]); err != nil {
		t.Fatal(err)
	}
	f, got, erased := h.follower(nil, nil), map[uuid.UUID]bool{}, 0
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	killed := false
	err := f.Run(ctx, func(_ context.Context, rs []Record) error {
		for _, r := range rs {
			if r.Erase != nil {
				erased += b2i(slices.Equal(r.Erase, h.order[:3]))
				continue
			}
			got[idIn(t, r)] = true
		}
		if !killed {
			killed = true
			c.Kill(0)
			go c.Restart(0)
			h.put(numbered(1000)...)
		}
		if len(got) == 6000 && erased == 4 {
			return errEnough
		}
		return nil
	})
	if err != errEnough {
		t.Errorf("Run returned %v after %d records and %d erasures; %+v; log:\n%s", err, len(got), erased, f.Stats(), h.logged)
	}
}
