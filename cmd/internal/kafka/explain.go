package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// explain returns an error of the library with what it means and a hint. The result wraps err.
func (o *Options) explain(err error) error {
	var file *fs.PathError
	if err == nil || errors.As(err, &file) {
		return err // not of the library
	}
	problem, hint := o.meaning(err)
	if problem == "" {
		return fmt.Errorf("request to Kafka: %w", err)
	}
	if hint != "" {
		return fmt.Errorf("%s: %w\nhint: %s", problem, err, hint)
	}
	return fmt.Errorf("%s: %w", problem, err)
}

// meaning returns the problem behind an error, and a hint; both are "" for an error that says it itself.
func (o *Options) meaning(err error) (problem, hint string) {
	brokers := strings.Join(o.Brokers, ", ")
	if problem, hint := o.rights(err); problem != "" {
		return problem, hint
	}
	var (
		firstRead *kgo.ErrFirstReadEOF
		record    tls.RecordHeaderError
		verify    *tls.CertificateVerificationError
		host      x509.HostnameError
		alert     tls.AlertError
		dns       *net.DNSError
		op        *net.OpError
	)
	switch {
	case errors.As(err, &record):
		return "the broker's port does not speak TLS", "write the URL with kafka:// instead of kafkas://, or name the port of a TLS listener"
	case errors.As(err, &host):
		return "the broker's certificate is for another host", "name the brokers as in their certificates, and check advertised.listeners"
	case errors.As(err, &verify):
		return "the broker's certificate is not trusted", "name the PEM file of its CA"
	case errors.As(err, &alert) || strings.Contains(err.Error(), "remote error: tls:"):
		return "the broker refuses the TLS connection", "it may want a client certificate: name the PEM files of certificate and key"
	case strings.Contains(err.Error(), "speaking to a tls endpoint"): // the library has no type for it
		return "the broker's port speaks TLS", "write the URL with kafkas:// instead of kafka://"
	case errors.As(err, &firstRead), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the broker closed the connection", o.closedHint()
	case errors.As(err, &dns):
		return fmt.Sprintf("the broker %s is not known", dns.Name), "check the names in the URL, and those in the brokers' advertised.listeners"
	case errors.As(err, &op) && op.Op == "dial":
		return "no Kafka broker answers at " + brokers, "check that the brokers run, the address and the firewall; a broker also names its own address, advertised.listeners"
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		if o.TLS {
			return "no answer in time from " + brokers, "check the address and the firewall; a port without TLS may not answer either: it needs kafka://"
		}
		return "no answer in time from " + brokers, "check the address and the firewall; a TLS port may not answer either: it needs kafkas://"
	}
	return "", ""
}

// rights is meaning for the errors about users, rights and the topic.
func (o *Options) rights(err error) (problem, hint string) {
	grant := func(operation string) string {
		return fmt.Sprintf("kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s %s", o.Brokers[0], orAnyone(o.User), operation)
	}
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Sprintf("the broker refuses user %q or the password", o.User), "check both, and that the brokers have that user for " + o.SASL
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Sprintf("the broker does not offer SASL mechanism %s", o.SASL), "choose another, as in the brokers' sasl.enabled.mechanisms"
	case errors.Is(err, kerr.IllegalSaslState):
		return "the broker does not expect SASL on this port", "name the port of a SASL listener, or leave out the user"
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return fmt.Sprintf("user %q has no right to topic %s", orAnyone(o.User), o.Topic), grant("--operation Write --operation Describe --operation DescribeConfigs --topic " + o.Topic)
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fmt.Sprintf("user %q may not produce idempotently", orAnyone(o.User)), grant("--operation IdempotentWrite --cluster")
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		return fmt.Sprintf("topic %s does not exist", o.Topic), "make it: " + o.createTopic(0)
	case errors.Is(err, kerr.NotEnoughReplicas), errors.Is(err, kerr.NotEnoughReplicasAfterAppend):
		return "fewer replicas are in sync than min.insync.replicas", "start the brokers that are down"
	}
	return "", ""
}

// closedHint is the hint for a connection that the broker closed without a reason.
func (o *Options) closedHint() string {
	switch {
	case o.SASL != "" && o.TLS:
		return "the user, the password or the SASL mechanism may be wrong, or the port wants a client certificate"
	case o.SASL != "":
		return "the user, the password or the SASL mechanism may be wrong, or the port wants TLS (kafkas://)"
	case o.TLS:
		return "the port may want a user with SASL, or a client certificate, or it is one without TLS (kafka://)"
	}
	return "the port may want TLS (kafkas://), or a user with SASL"
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func orAnyone(user string) string {
	if user == "" {
		return "ANONYMOUS"
	}
	return user
}

// createTopic returns the command that makes the topic, for records of so many bytes.
func (o *Options) createTopic(largest int64) string {
	return fmt.Sprintf("kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions 8 --replication-factor 3 --config min.insync.replicas=2 --config message.timestamp.type=LogAppendTime --config retention.ms=%d --config max.message.bytes=%d",
		o.Brokers[0], o.Topic, leastRetention.Milliseconds(), max(messageBytes(largest), defaultMessageBytes))
}
