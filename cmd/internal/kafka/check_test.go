package kafka

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
)

func (h *harness) check(largest int64) (warnings string, err error) {
	all, err := Check(h.Context(), h.options.Options, largest)
	return strings.Join(all, "\n"), err
}

// expectError checks that err has all of these texts.
func expectError(t *testing.T, err error, want ...string) {
	t.Helper()
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v, want one with %q", err, w)
		}
	}
}

func TestCheck_GoodTopic_NoErrorNorWarning(t *testing.T) {
	h := newHarness(t)
	h.set("max.message.bytes", "2000000")
	h.set("min.insync.replicas", "2")
	for p := range int32(4) {
		h.cluster.SetFollowers(testTopic, p, []int32{0, 1, 2})
	}
	if warnings, err := h.check(1 << 20); err != nil {
		t.Errorf("Check returned %q, %v", warnings, err)
	}
}

func TestCheck_Settings_AreJudged(t *testing.T) {
	for name, c := range map[string]struct {
		settings map[string]string
		warning  string
		err      string
	}{
		"small messages":    {map[string]string{"max.message.bytes": "1048588"}, "", "topic beacons takes records of 1048588 bytes, and the largest beacon with its headers has 1131520\nhint: raise max.message.bytes: kafka-configs.sh --bootstrap-server b:9092 --alter --entity-type topics --entity-name beacons --add-config max.message.bytes=1131520; or lower --max-body to 965644"},
		"large messages":    {map[string]string{"max.message.bytes": "1131520"}, "", ""},
		"compacted":         {map[string]string{"cleanup.policy": "compact"}, "", "cleanup.policy=compact"},
		"one in sync":       {map[string]string{"min.insync.replicas": "1"}, "has min.insync.replicas=1", ""},
		"short retention":   {map[string]string{"retention.ms": "86400000"}, "keeps records for 24h0m0s only", ""},
		"endless retention": {map[string]string{"retention.ms": "-1"}, "", ""},
		"small retention":   {map[string]string{"retention.bytes": "1000"}, "keeps 1000 bytes of each partition only", ""},
		"nothing known":     {nil, "", ""},
	} {
		o := Options{Brokers: []string{"b:9092"}, Topic: testTopic}
		warnings, err := o.judgeSettings(c.settings, 1<<20)
		if c.err != "" {
			expectError(t, err, c.err)
		} else if text := strings.Join(warnings, "\n"); err != nil || !strings.Contains(text, c.warning) || c.warning == "" && text != "" {
			t.Errorf("%s: warnings %q, error %v, want %q", name, text, err, c.warning)
		}
	}
}

func TestCheck_Replicas_AreJudged(t *testing.T) {
	part := func(leader int32, replicas, inSync int) kmsg.MetadataResponseTopicPartition {
		return kmsg.MetadataResponseTopicPartition{Leader: leader, Replicas: make([]int32, replicas), ISR: make([]int32, inSync)}
	}
	o := Options{Brokers: []string{"b:9092"}, Topic: testTopic}
	topic := kmsg.MetadataResponseTopic{Partitions: []kmsg.MetadataResponseTopicPartition{part(1, 3, 3), part(1, 1, 1), part(1, 3, 1), part(-1, 3, 0)}}
	text := strings.Join(o.judgeReplicas(topic, nil), "\n")
	for _, want := range []string{"1 of 4 partitions of topic beacons have one replica: ", "1 of 4 partitions of topic beacons have one replica in sync", "1 of 4 partitions of topic beacons take no records now: they have no leader"} {
		if !strings.Contains(text, want) {
			t.Errorf("warnings are %q, want %q", text, want)
		}
	}
	if text := strings.Join(o.judgeReplicas(topic, map[string]string{"min.insync.replicas": "2"}), "\n"); !strings.Contains(text, "fewer replicas are in sync than min.insync.replicas") {
		t.Errorf("warnings are %q", text)
	}
}

func TestCheck_TopicMissing_SaysHowToMakeIt(t *testing.T) {
	h := newHarness(t)
	h.options.Topic = "missing"
	_, err := h.check(2 << 20)
	expectError(t, err, "topic missing does not exist\nhint: make it: kafka-topics.sh --bootstrap-server "+h.options.Brokers[0],
		"--create --topic missing --partitions 8 --replication-factor 3 --config min.insync.replicas=2", "--config max.message.bytes=2180096")
}

func TestCheck_BrokerAway_SaysSo(t *testing.T) {
	h := newHarness(t)
	h.options.Brokers = []string{"127.0.0.1:1"}
	_, err := h.check(0)
	expectError(t, err, "no Kafka broker answers at 127.0.0.1:1", "connection refused", "hint: check that the brokers run")
	h.options.Brokers = []string{"broker.invalid:9092"}
	_, err = h.check(0)
	expectError(t, err, "hint: ")
}

func TestCheck_TLS_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key, _ := certtest.Write(t, dir, 1)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
	h.options.TLS, h.options.CA = true, cert
	if _, err := h.check(0); err != nil {
		t.Errorf("with the right CA: %v", err)
	}
	h.options.CA = ""
	_, err = h.check(0)
	expectError(t, err, "the broker's certificate is not trusted", "hint: name the PEM file of its CA")
	h.options.TLS = false
	_, err = h.check(0)
	expectError(t, err, "kafkas://")

	plain := newHarness(t)
	plain.options.TLS = true
	_, err = plain.check(0)
	expectError(t, err, "it needs kafka://")
}

func password(text string) func() (string, error) {
	return func() (string, error) { return text, nil }
}

func TestCheck_SASL_SaysWhatIsWrong(t *testing.T) {
	for _, mechanism := range []string{Plain, ScramSHA256, ScramSHA512} {
		h := newHarness(t, kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanism), "admin", "secret"))
		h.options.SASL, h.options.User, h.options.Password = mechanism, "admin", password("secret")
		if _, err := h.check(0); err != nil {
			t.Errorf("%s with the right password: %v", mechanism, err)
		}
		h.options.Password = password("swordfish")
		_, err := h.check(0)
		expectError(t, err, "hint: the user, the password or the SASL mechanism may be wrong") // a real broker says why
		if strings.Contains(err.Error(), "swordfish") {
			t.Errorf("error %v has the password", err)
		}
		h.options.Password = func() (string, error) { return "", os.ErrNotExist }
		_, err = h.check(0)
		expectError(t, err, "read Kafka password: file does not exist")
		h.options.SASL, h.options.User = "", ""
		_, err = h.check(0)
		expectError(t, err, "hint: the port may want TLS (kafkas://), or a user with SASL")
	}
}

func TestCheck_NoRights_SaysWhich(t *testing.T) {
	h := newHarness(t)
	for key, want := range map[kmsg.Key]string{kmsg.Metadata: "--operation Write", kmsg.InitProducerID: "--operation IdempotentWrite"} {
		fault := kerr.TopicAuthorizationFailed
		if key == kmsg.InitProducerID {
			fault = kerr.ClusterAuthorizationFailed
		}
		f := h.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, TopLevel: key == kmsg.InitProducerID, Topic: map[bool]string{true: testTopic}[key == kmsg.Metadata], Err: fault, Count: -1})
		_, err := h.check(0)
		if !errors.Is(err, fault) {
			t.Errorf("%v: error %v, want %v", key, err, fault)
		}
		expectError(t, err, want)
		f.Remove()
	}
	h.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Resource: testTopic, Err: kerr.TopicAuthorizationFailed, Count: -1})
	warnings, err := h.check(1 << 20)
	if err != nil || !strings.Contains(warnings, "the settings of topic beacons can't be read") {
		t.Errorf("without the right to read settings: %q, %v", warnings, err)
	}
}

func TestOptions_CanNotWork_SayWhy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Options){
		"no Kafka broker is named":                func(o *Options) { o.Brokers = nil },
		"need each other":                         func(o *Options) { o.TLS, o.Cert = true, "x" },
		"certificates need TLS":                   func(o *Options) { o.CA = "x" },
		"a user needs a SASL mechanism":           func(o *Options) { o.User = "x" },
		"SASL mechanism plain needs a user":       func(o *Options) { o.SASL = Plain },
		"the user needs a password":               func(o *Options) { o.SASL, o.User = Plain, "x" },
		`SASL mechanism "gssapi" is unknown`:      func(o *Options) { o.SASL, o.User, o.Password = "gssapi", "x", password("") },
		"the name of the topic is missing":        func(o *Options) { o.Topic = "" },
		"read CA certificates":                    func(o *Options) { o.TLS, o.CA = true, "missing.pem" },
		"has no certificate\nhint: it must be":    func(o *Options) { o.TLS, o.CA = true, file },
		"read client certificate: open missing":   func(o *Options) { o.TLS, o.Cert, o.Key = true, "missing.pem", "missing.pem" },
		"read client certificate: tls: failed to": func(o *Options) { o.TLS, o.Cert, o.Key = true, file, file },
	} {
		o := Options{Brokers: []string{"b:9092"}, Topic: "t"}
		change(&o)
		_, err := o.client()
		expectError(t, err, want)
	}
}
