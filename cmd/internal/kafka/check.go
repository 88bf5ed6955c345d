package kafka

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// checkTimeout is how long Check waits for the brokers.
	checkTimeout = 10 * time.Second
	// leastRetention is how long a topic should keep records, so that a table that is down for days misses
	// none.
	leastRetention = 7 * 24 * time.Hour
	// headRoom is the most that a record adds to a beacon's body, in bytes: the request's header, of which the
	// collector takes 32 KiB at most, its target once more, and the WARC header.
	headRoom = 80 << 10
	// batchOverhead is what a batch of one record adds to that in Kafka, in bytes.
	batchOverhead = 1 << 10
	// defaultMessageBytes is Kafka's default of max.message.bytes.
	defaultMessageBytes = 1<<20 + 12
)

// messageBytes returns the max.message.bytes that a beacon of so many bytes needs.
func messageBytes(largest int64) int64 { return largest + headRoom + batchOverhead }

// Check reports what would keep a [Shipper] from working with the topic. It waits 10 seconds at most.
// largest is the size in bytes of the largest body of a beacon, or 0 to leave that check out.
//
// The error is the first problem that stops the shipping: the brokers can't be reached, TLS or the user is
// wrong, the topic is missing, has another clean-up policy than delete or takes only smaller records, or the
// user has no right to write. Warnings are risks: one replica, one replica in sync, a short retention,
// settings that can't be read. Errors and warnings may have a second line with a hint.
func Check(ctx context.Context, o Options, largest int64) (warnings []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	cl, err := o.client(kgo.RetryTimeout(checkTimeout), kgo.RequestRetries(3))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	// Ping says why a connection fails. Requests for a topic or a record retry in silence.
	if err := cl.Ping(ctx); err != nil {
		return nil, o.explain(err)
	}
	topic, err := o.describe(ctx, cl)
	if err != nil {
		return nil, err
	}
	if topic.ErrorCode == kerr.UnknownTopicOrPartition.Code {
		return nil, fmt.Errorf("topic %s does not exist\nhint: make it: %s", o.Topic, o.createTopic(largest))
	}
	if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
		return nil, o.explain(err)
	}
	if ops := topic.AuthorizedOperations; ops != math.MinInt32 && ops&(1<<kmsg.ACLOperationWrite) == 0 {
		return nil, o.explain(kerr.TopicAuthorizationFailed)
	}
	if _, _, err := cl.ProducerID(ctx); err != nil {
		return nil, o.explain(err)
	}
	settings, err := o.settings(ctx, cl)
	if err != nil {
		if ctx.Err() != nil {
			return nil, o.explain(err)
		}
		warnings = append(warnings, fmt.Sprintf("the settings of topic %s can't be read: %v\nhint: give the user the right DescribeConfigs; until then max.message.bytes and min.insync.replicas are not checked", o.Topic, err))
		settings = map[string]string{}
	}
	more, err := o.judgeSettings(settings, largest)
	if err != nil {
		return nil, err
	}
	return append(append(warnings, o.judgeReplicas(topic, settings)...), more...), nil
}

// describe returns the topic's metadata. A topic that is missing or forbidden is not an error, but has one.
func (o *Options) describe(ctx context.Context, cl *kgo.Client) (kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(o.Topic)
	req.Topics = append(req.Topics, topic)
	req.IncludeTopicAuthorizedOperations = true
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, o.explain(err)
	}
	if len(resp.Topics) != 1 {
		return kmsg.MetadataResponseTopic{}, fmt.Errorf("the broker describes %d topics, not 1", len(resp.Topics))
	}
	return resp.Topics[0], nil
}

// settings returns the topic's configuration.
func (o *Options) settings(ctx context.Context, cl *kgo.Client) (map[string]string, error) {
	described, err := kadm.NewClient(cl).DescribeTopicConfigs(ctx, o.Topic)
	if err != nil {
		return nil, err
	}
	config, err := described.On(o.Topic, nil)
	if err == nil {
		err = config.Err
	}
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	for _, c := range config.Configs {
		if c.Value != nil {
			settings[c.Key] = *c.Value
		}
	}
	return settings, nil
}

// number returns a setting, or false if it is not known.
func number(settings map[string]string, name string) (int64, bool) {
	n, err := strconv.ParseInt(settings[name], 10, 64)
	return n, err == nil
}

// judgeSettings returns the settings that risk beacons as warnings, and those that stop the shipping as an
// error.
func (o *Options) judgeSettings(settings map[string]string, largest int64) (warnings []string, err error) {
	alter := func(setting string) string {
		return fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config %s", o.Brokers[0], o.Topic, setting)
	}
	if policy := settings["cleanup.policy"]; policy != "" && policy != "delete" {
		return nil, fmt.Errorf("topic %s has cleanup.policy=%s, which removes records by key\nhint: %s", o.Topic, policy, alter("cleanup.policy=delete"))
	}
	need := messageBytes(largest)
	if most, ok := number(settings, "max.message.bytes"); ok && largest > 0 && most < need {
		return nil, fmt.Errorf("topic %s takes records of %d bytes, and the largest beacon with its headers has %d\nhint: raise max.message.bytes: %s; or lower --max-body to %d", o.Topic, most, need, alter(fmt.Sprintf("max.message.bytes=%d", need)), max(most-headRoom-batchOverhead, 0))
	}
	if least, ok := number(settings, "min.insync.replicas"); ok && least < 2 {
		warnings = append(warnings, fmt.Sprintf("topic %s has min.insync.replicas=%d: the log acknowledges beacons that a single broker has\nhint: %s", o.Topic, least, alter("min.insync.replicas=2")))
	}
	if kept, ok := number(settings, "retention.ms"); ok && kept >= 0 && kept < leastRetention.Milliseconds() {
		warnings = append(warnings, fmt.Sprintf("topic %s keeps records for %v only: a table that is down for longer misses beacons\nhint: %s", o.Topic, time.Duration(kept)*time.Millisecond, alter(fmt.Sprintf("retention.ms=%d", leastRetention.Milliseconds()))))
	}
	if size, ok := number(settings, "retention.bytes"); ok && size >= 0 {
		warnings = append(warnings, fmt.Sprintf("topic %s keeps %d bytes of each partition only: a table that is down for longer misses beacons\nhint: %s", o.Topic, size, alter("retention.bytes=-1")))
	}
	return warnings, nil
}

// judgeReplicas returns warnings about the partitions' replicas.
func (o *Options) judgeReplicas(topic kmsg.MetadataResponseTopic, settings map[string]string) (warnings []string) {
	single, short, leaderless, refusing := 0, 0, 0, 0
	least, known := number(settings, "min.insync.replicas")
	for _, p := range topic.Partitions {
		switch {
		case p.Leader < 0:
			leaderless++
		case len(p.Replicas) < 2:
			single++
		case known && int64(len(p.ISR)) < least:
			refusing++
		case len(p.ISR) < 2:
			short++
		}
	}
	all := len(topic.Partitions)
	for _, w := range []struct {
		n    int
		text string
	}{
		{single, "%d of %d partitions of topic %s have one replica: if its disk fails, beacons are lost\nhint: make the topic with --replication-factor 3"},
		{short, "%d of %d partitions of topic %s have one replica in sync: if its disk fails, beacons are lost\nhint: start the brokers that are down"},
		{refusing, "%d of %d partitions of topic %s take no records now: fewer replicas are in sync than min.insync.replicas\nhint: start the brokers that are down"},
		{leaderless, "%d of %d partitions of topic %s take no records now: they have no leader\nhint: start the brokers that are down"},
	} {
		if w.n > 0 {
			warnings = append(warnings, fmt.Sprintf(w.text, w.n, all, o.Topic))
		}
	}
	return warnings
}
